# Run by packages.sh in a minimal root: the package is installed, works, and is gone again.
quietly() { "$@" >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }; }

quietly apt-get -qy install /out/lvsdr_*_all.deb
[ "$(stat -c %a /etc/lvsdr)" = 750 ]
# As an ordinary user too, from a folder that is none of ours.
cd /
setpriv --reuid=65534 --regid=65534 --clear-groups lvsdr --version
lvsdr check /usr/share/doc/lvsdr/examples/*.json >/dev/null
lvsdr schema director | grep -q '"http://json-schema.org/draft-07/schema#"'
lvsdr rehearse --list | grep -q classic
echo '{"role": "realserver", "interface": "eth0", "vips": 1}' >/tmp/wrong.json
code=0
lvsdr check /tmp/wrong.json 2>/tmp/told || code=$?
[ "$code" = 2 ]
grep -q '/vips: 1 is not a list' /tmp/told || { cat /tmp/told; exit 1; }
# Nothing is compiled anew at each start.
[ "$(find /usr/lib/lvsdr -name '*.py' | wc -l)" = "$(find /usr/lib/lvsdr -name '*.pyc' | wc -l)" ]
apt-get -qy install bash-completion man-db zsh fish >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
[ -n "$(man -w lvsdr)" ] && [ -n "$(man -w lvsdr-profile)" ]
bash -c '. /usr/share/bash-completion/bash_completion
	if command -v _comp_load >/dev/null; then _comp_load lvsdr; else __load_completion lvsdr; fi
	COMP_WORDS=(lvsdr direct) COMP_CWORD=1; _lvsdr_completion lvsdr; echo "${COMPREPLY[@]}"' |
	grep -qx director
fish -c 'complete -C "lvsdr direct"' | grep -q '^director'
zsh -fc 'autoload -Uz compinit; compinit -u; [ "$_comps[lvsdr]" = _lvsdr ]'
quietly apt-get -qy purge lvsdr
left=$(find / -xdev -name '*lvsdr*' -not -path '/proc/*' -not -path '/var/lib/apt/*' \
	-not -path '/var/cache/*' -not -path '/out/*' -not -path '/here/*')
[ -z "$left" ] || { echo "left: $left"; exit 1; }
echo 'installed, worked as a user, three shells complete it, purged without a trace'
