# Run by packages.sh in a root with systemd: what its analysis says of the units.
mkdir /tmp/units
cd /tmp/units
dpkg-deb -x /out/lvsdr_*_all.deb /tmp/package
for unit in /tmp/package/usr/lib/systemd/system/*; do
	name=${unit##*/}
	# A template is looked at as one of its instances.
	sed 's|/usr/bin/lvsdr|/bin/true|' "$unit" >"$(echo "$name" | sed 's/@\./@web./')"
done
systemctl --version | head -n 1
systemd-analyze verify --man=no --recursive-errors=no ./*.service 2>&1 | grep lvsdr && exit 1
for unit in *.service; do
	case $unit in lvsdr-director-keep@*) most=23 ;; *) most=20 ;; esac
	systemd-analyze security --offline=yes --no-pager --threshold=$most "./$unit" >/tmp/told ||
		{ cat /tmp/told; exit 1; }
	tail -n 1 /tmp/told
done
