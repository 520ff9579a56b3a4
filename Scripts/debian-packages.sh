# Functions of the scripts that make guests from Debian's packages; to be read by them with `.`, not run.
# They use the variables out (a directory; packages are kept in its `packages`) and work (a scratch directory).

for tool in apt-get apt-cache dpkg-deb; do
  command -v $tool >/dev/null || { echo "$0: $tool is not installed; this needs a Debian host" >&2; exit 1; }
done

# fetch PACKAGE: downloads the package unless it is there already, extracts it to $work/PACKAGE.
fetch() {
  apt-cache show --no-all-versions "$1" >"$work/description" 2>/dev/null || :
  version=$(sed -n 's/^Version: //p' "$work/description" | head -n 1)
  [ -n "$version" ] || { echo "$0: no package $1; is apt-get update needed?" >&2; exit 1; }
  escaped=$(echo "$version" | sed 's/:/%3a/g')
  # amd64, or all for what is the same for every processor.
  name="$1_${escaped}_$(sed -n 's/^Architecture: //p' "$work/description" | head -n 1).deb"
  file="$out/packages/$name"
  if ! [ -f "$file" ]; then
    (cd "$work" && apt-get -qq download "$1:amd64=$version")
    mv "$work/$name" "$file"
  fi
  dpkg-deb -x "$file" "$work/$1"
}

# kernel_package META: the package that a meta package stands for at present.
kernel_package() {
  apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1
}

# pad COUNT: zero bytes up to the next multiple of 4 of COUNT.
pad() {
  case $(($1 % 4)) in
  1) printf '\0\0\0' ;;
  2) printf '\0\0' ;;
  3) printf '\0' ;;
  esac
}

# entry INODE MODE SIZE NAME: a "newc" header (Linux Documentation/driver-api/early-userspace/
# buffer-format.rst) with owner 0:0, one link and time 0.
entry() {
  printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X' \
    "$1" "$2" 0 0 1 0 "$3" 0 0 0 0 $((${#4} + 1)) 0
  printf '%s\0' "$4"
  pad $((110 + ${#4} + 1))
}

# archive DIRECTORY: the tree below it as a cpio archive on standard output, in the order of names.
archive() {
  (
    cd "$1"
    inode=1
    find . -mindepth 1 | sed 's|^\./||' | sort | while read -r path; do
      if [ -h "$path" ]; then
        target=$(readlink "$path")
        entry $inode 0120777 ${#target} "$path"
        printf '%s' "$target"
        pad ${#target}
      elif [ -d "$path" ]; then
        entry $inode 0040755 0 "$path"
      else
        size=$(($(wc -c <"$path")))
        mode=0100644
        [ -x "$path" ] && mode=0100755
        entry $inode $mode $size "$path"
        cat "$path"
        pad $size
      fi
      inode=$((inode + 1))
    done
    entry 0 0 0 'TRAILER!!!'
  )
}

# skeleton DIRECTORY: busybox and the mount points.
skeleton() {
  mkdir -p "$1/bin" "$1/sbin" "$1/usr/bin" "$1/usr/sbin" "$1/dev" "$1/etc" "$1/mnt" "$1/proc" "$1/root" \
    "$1/sys" "$1/tmp"
  cp "$busybox" "$1/bin/busybox"
  chmod 755 "$1/bin/busybox"
  ln -s busybox "$1/bin/sh"
}

# The modules that disks need; their dependencies come along.
wanted='virtio_pci virtio_blk ata_piix sd_mod ext4 crc32c_generic crc32c_intel'

# modules SOURCE VERSION TARGET: copies the wanted modules and their dependencies, with an index of them.
modules() {
  tree="lib/modules/$2"
  "$busybox" depmod -n -b "$1" "$2" >"$work/depmod"
  # Of the output only modules.dep is of use: "path.ko: path.ko path.ko".
  grep '\.ko:' "$work/depmod" >"$work/dependencies"
  : >"$work/chosen"
  for name in $wanted; do
    pattern=$(echo "$name" | sed 's/_/[-_]/g')
    sed -n "s|^\([^:]*/$pattern\.ko\):.*|\1|p" "$work/dependencies" >>"$work/chosen"
  done
  while :; do
    sort -u "$work/chosen" >"$work/before"
    while read -r path; do
      awk -v path="$path:" '$1 == path { for (i = 1; i <= NF; i++) { sub(/:$/, "", $i); print $i } }' \
        "$work/dependencies"
    done <"$work/before" | sort -u >"$work/chosen"
    cmp -s "$work/before" "$work/chosen" && break
  done
  while read -r path; do
    path=${path#/}
    path=${path#"$tree/"}
    mkdir -p "$3/$tree/$(dirname "$path")"
    cp "$1/$tree/$path" "$3/$tree/$path"
    chmod 644 "$3/$tree/$path"
  done <"$work/chosen"
  cp "$1/$tree/modules.builtin" "$3/$tree/modules.builtin"
  chmod 644 "$3/$tree/modules.builtin"
  "$busybox" depmod -b "$3" "$2"
  for index in modules.dep modules.alias modules.symbols; do
    sort -o "$3/$tree/$index" "$3/$tree/$index"
  done
}

# libraries PACKAGE...: the shared libraries that the packages need, directly or not, into $libraries. What else
# they depend on (their installation) is left out.
libraries() {
  libraries="$work/libraries"
  mkdir -p "$libraries"
  for package; do echo "$package"; done >"$work/needing"
  : >"$work/needed"
  while [ -s "$work/needing" ]; do
    while read -r package; do
      # Of alternatives, all but the last marked with a bar, the first is taken.
      apt-cache depends --important "$package" | awk '
        /Depends: / { if (!other && $NF ~ /^(lib|zlib)/) print $NF; other = /^ *\|/ }'
    done <"$work/needing" | sort -u >"$work/more"
    comm -23 "$work/more" "$work/needed" >"$work/needing"
    sort -u -o "$work/needed" "$work/needed" "$work/needing"
  done
  while read -r package; do
    fetch "$package"
    for file in "$work/$package"/lib/x86_64-linux-gnu/*.so* "$work/$package"/usr/lib/x86_64-linux-gnu/*.so*; do
      if [ -f "$file" ]; then cp "$file" "$libraries/"; fi
    done
  done <"$work/needed"
  loader="$libraries/ld-linux-x86-64.so.2"
}

# objects FILE: the names of the libraries that a program or library loads; fails if one is not in $libraries,
# even if this computer has it.
objects() {
  "$loader" --library-path "$libraries" --list "$1" >"$work/list" || return 1
  for name in $(sed -n 's/^[[:space:]]*\([^/ ]*\) => .*/\1/p' "$work/list"); do
    [ -f "$libraries/$name" ] || return 1
    echo "$name"
  done
}

# fetch_busybox: sets $busybox, a program that runs on this computer and in the guests.
fetch_busybox() {
  fetch busybox-static
  busybox="$work/busybox-static/bin/busybox"
  [ -f "$busybox" ] || busybox="$work/busybox-static/usr/bin/busybox"
}
