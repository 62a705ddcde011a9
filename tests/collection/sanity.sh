#!/usr/bin/env bash
# What `ansible-test sanity` says of the built collection: `tests/collection/sanity.sh BIN TARBALL [TEST...]`.
#
# BIN has ansible-core. Each test gets an environment with the versions that it asks for. The
# collection is looked at outside of this repository, whose ignored files ansible-test would skip.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$1 tarball=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PATH=$bin:$PATH HOME=$work ANSIBLE_HOME=$work/home
python=$("$bin/python" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
requirements=$("$bin/python" -I -c 'import ansible_test; print(list(ansible_test.__path__)[0])')
version=$(sed -n "s/.*pip='\([0-9.]*\)'.*/\1/p; s/.*'pip': *'\([0-9.]*\)'.*/\1/p" \
	"$requirements/_internal/python_requirements.py" | head -n 1)
mkdir -p "$work/.ansible/test/cache"
cp "$here/get_pip.py" "$work/.ansible/test/cache/get_pip_${version//./_}.py"
ansible-galaxy collection install "$tarball" -p "$work" >/dev/null
cd "$work/ansible_collections/lvsdr/cluster"
ansible-test sanity --python "$python" --color no "${@/#/--test=}"
