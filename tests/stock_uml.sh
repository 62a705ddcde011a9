#!/bin/sh
# A stock kernel in QEMU, for one who starts User-Mode Linux: `linux.uml` of a folder for LVSDR_UML.
#
# It takes the arguments that lvsdr/lab/uml.py gives and makes the same of them: the host's files are
# the root, two serial lines are the descriptors of ssl0 and ssl1, the console is our output. QEMU
# emulates the processor (TCG), so that the host needs no KVM; virtiofsd needs root.
set -eu
here=$(dirname "$(readlink -f "$0")")
[ "${1-}" = --version ] && exec basename "$here"/modules/*

memory=512M words=
for word; do
	case $word in
	mem=*) memory=${word#mem=} ;;
	ssl0=*) out=${word##*:} ;;
	ssl1=*) err=${word##*:} ;;
	con*=* | ssl=* | rootfstype=* | rootflags=* | uml_dir=* | umid=* | initcall_blacklist=* | noreboot) ;;
	*) words="$words $word" ;;
	esac
done
# Files are read from the host's cache each time; the guest has no use for a copy of its own.
/usr/lib/qemu/virtiofsd --socket-path=./files -o source=/ -o cache=always -o sandbox=chroot >files.log 2>&1 &
until [ -S files ]; do
	kill -0 $! || { cat files.log; exit 1; }
	sleep 0.05
done
exec qemu-system-x86_64 -accel tcg -machine pc -cpu max -m "$memory" -nodefaults -display none -no-reboot \
	-object "memory-backend-memfd,id=memory,size=$memory,share=on" -numa node,memdev=memory \
	-chardev socket,id=files,path=files -device vhost-user-fs-pci,chardev=files,tag=root \
	-chardev "file,id=out,path=/dev/fd/$out" -serial chardev:out \
	-chardev "file,id=err,path=/dev/fd/$err" -serial chardev:err \
	-chardev stdio,id=console,signal=off -serial chardev:console \
	-kernel "$here/vmlinuz" -append "root=root rootfstype=virtiofs console=ttyS2 mitigations=off nopti \
tsc=reliable no_timer_check $words"
