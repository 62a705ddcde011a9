# Run by packages.sh in a minimal root: what the scripts of the RPM do, by Debian's own rpm.
quietly() { "$@" >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }; }

quietly apt-get -qy install rpm python3 python3-jsonschema
# Debian's packages are none of rpm's.
rpm --install --nodeps /out/lvsdr-*.noarch.rpm
[ "$(stat -c %a /etc/lvsdr)" = 750 ]
cd /
lvsdr --version
lvsdr check /usr/share/doc/lvsdr/profiles/*.json >/dev/null
[ "$(find /usr/lib/lvsdr -name '*.py' | wc -l)" = "$(find /usr/lib/lvsdr -name '*.pyc' | wc -l)" ]
cp /usr/share/doc/lvsdr/profiles/director.json /etc/lvsdr/
mkdir -p /usr/local/bin
echo '#!/bin/sh' >/usr/local/bin/lvsdr
rpm --upgrade --replacepkgs --nodeps /out/lvsdr-*.noarch.rpm >/tmp/told 2>&1
grep -qx '  /usr/local/bin/lvsdr' /tmp/told || { cat /tmp/told; exit 1; }
rm /usr/local/bin/lvsdr
rpm --erase lvsdr
[ -e /etc/lvsdr/director.json ]
left=$(find /etc /usr /var/lib /run -name '*lvsdr*' -not -path '/var/lib/apt/*')
[ "$left" = /etc/lvsdr ] || { echo "left: $left"; exit 1; }
echo 'RPM installed, upgraded, erased; the profile is kept'
