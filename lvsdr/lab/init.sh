#!/bin/bash
# PID 1 of the throw-away kernel: hide the host behind an overlay, run one command, power off.
#
# A failing step ends PID 1; the kernel panics, and the runner shows the console's last lines.
# The job folder, beside this file, holds NUL-separated `words` (NAME=VALUE..., command) and
# `paths` (the command's folder, the folder shared with the host or nothing, the folder of modules,
# folders to keep).
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
job=${0%/*}
mapfile -d '' -t words <"$job/words"
mapfile -d '' -t paths <"$job/paths"
directory=${paths[0]} shared=${paths[1]} modules=${paths[2]} kept=("${paths[@]:3}")
exec 9>"$job/exit-code"

mount -t proc proc /proc
echo lvsdr-lab >/proc/sys/kernel/hostname
read -r release </proc/sys/kernel/osrelease
modules+=/$release

# The host's /sys is of no use here, so its place holds what the overlay is made of.
mount -t tmpfs -o mode=0755 tmpfs /sys
mkdir /sys/upper /sys/work /sys/root /sys/plain
mkfifo /sys/out /sys/err
insmod "$modules"/kernel/fs/overlayfs/overlay.ko*
root=/sys/root
mount -t overlay -o nosuid,lowerdir=/,upperdir=/sys/upper,workdir=/sys/work overlay $root
# Without what is mounted on it below: the way to the host's files under /run and /dev/shm.
mount --bind $root /sys/plain

# One program for many mounts: starting one costs some 40 ms here.
echo "
proc $root/proc proc defaults
sysfs $root/sys sysfs defaults
devtmpfs $root/dev devtmpfs defaults
tmpfs $root/run tmpfs mode=0755
devpts $root/dev/pts devpts X-mount.mkdir,ptmxmode=0666
tmpfs $root/dev/shm tmpfs X-mount.mkdir,mode=1777
" >/sys/fstab
mount -a -T /sys/fstab
exec <$root/dev/console >$root/dev/console 2>&1
mkdir -p $root/run/lock $root/lib/modules
ln -s /proc/self/fd $root/dev/fd
ln -s /proc/self/fd/0 $root/dev/stdin
ln -s /proc/self/fd/1 $root/dev/stdout
ln -s /proc/self/fd/2 $root/dev/stderr
# Here the kernel's own requests for a scheduler or a link kind find the modules as well.
ln -sfn "$modules" "$root/lib/modules/$release"
if [[ ${GLIBC_TUNABLES-} ]]; then
	# The kernel starts modprobe with variables of its own, and these are needed (wide_registers.py).
	{
		echo '#!/bin/sh'
		echo "export GLIBC_TUNABLES='$GLIBC_TUNABLES' OPENSSL_ia32cap='${OPENSSL_ia32cap-}'"
		echo 'exec modprobe "$@"'
	} >$root/run/modprobe
	chmod 0700 $root/run/modprobe
	echo /run/modprobe >/proc/sys/kernel/modprobe
fi
for path in ${kept[@]+"${kept[@]}"}; do
	mkdir -p "$root$path"
	mount --bind "/sys/plain$path" "$root$path"
done
if [[ $shared ]]; then
	mkdir -p "$root$shared"
	mount --bind "$shared" "$root$shared"
fi

# The lines are ttys; the command writes to pipes, lest it think that a person is watching.
exec 7>$root/dev/ttyS0 8>$root/dev/ttyS1
stty raw <&7
stty raw <&8
cat </sys/out >&7 9>&- &
out=$!
cat </sys/err >&8 9>&- &
err=$!
exec 5>/sys/out 6>/sys/err

cd $root
pivot_root . .
umount -l .
cd /

# What is built in is no missing module: modprobe knows no name of ipv6 since Linux 7.
wanted=()
for name in dummy ipip veth bridge macvlan 8021q nlmon ipv6 ip_vs; do
	[[ -e /sys/module/$name ]] || wanted+=("$name")
done
modprobe -a "${wanted[@]}"
ip link set lo up
ulimit -c 0

code=0
(cd -- "$directory" && exec setsid env -i -- "${words[@]}") \
	</dev/null >&5 2>&6 5>&- 6>&- 7>&- 8>&- 9>&- || code=$?

# A daemon left behind would hold the pipes open. Twice: the first pass may miss one being born.
exec 5>&- 6>&-
cd /proc
for _ in 1 2; do
	others=()
	for pid in [0-9]*; do
		[[ $pid == 1 || $pid == "$out" || $pid == "$err" ]] || others+=("$pid")
	done
	kill -KILL "${others[@]}" 2>&- || true
done
wait "$out" "$err" || true
# stty waits until the last byte has left.
stty raw <&7
stty raw <&8
echo $code >&9
sync
echo o >/proc/sysrq-trigger
exec sleep 60
