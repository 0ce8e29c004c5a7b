#!/bin/sh
# What the agent asks of Windows: only functions that Windows 7 has, named in imports.allowed. The compiler is no
# help here (its headers declare newer ones all the same), nor is Wine (it has them all). And: not larger than agreed.
#
#   tests/windows/imports.sh AGENT_EXE OBJDUMP MAX_BYTES
set -eu

exe=$1
objdump=$2
max_bytes=$3
allowed=$(dirname "$0")/imports.allowed

# Lines "DLL function". objdump prints a DLL's name, then its functions: address, hint, name.
imports()
{
    "$objdump" -p "$exe" | awk '
        /DLL Name:/ { dll = $3; next }
        /^\t[0-9a-f]+\t *[0-9]+ / || /^\t[0-9a-f]+\t/ { if (dll != "" && NF >= 3) print dll, $NF; next }
        /^$/ { next }
        /^The Export Tables|^PE File Base Relocations|^The Function Table/ { dll = "" }' | LC_ALL=C sort -u
}

[ "${4:-}" != --print ] || { imports; exit; }

found=$(imports)
[ "$(echo "$found" | wc -l)" -gt 100 ] || { echo "imports.sh: the import table could not be read" >&2; exit 1; }
new=$(echo "$found" | LC_ALL=C comm -23 - "$allowed")
if [ -n "$new" ]; then
    echo "imports.sh: not in imports.allowed (is it in Windows 7? then add it; else use GetProcAddress):" >&2
    echo "$new" >&2
    exit 1
fi
size=$(wc -c <"$exe")
if [ "$size" -gt "$max_bytes" ]; then
    echo "imports.sh: $exe has $size bytes, more than $max_bytes" >&2
    exit 1
fi
echo "$(echo "$found" | wc -l) imports, $size bytes"
