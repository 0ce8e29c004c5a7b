#!/bin/bash
# The layers test: what the compiler alone can't see of who may include what, and a few words nobody may use.
#
# First plants a breach of every rule in a scratch tree and checks that each is found; then looks at the sources,
# prints file:line for each breach, and exits 1 when there is one.
set -u -o pipefail
export LC_ALL=C

# ---- rules ----

# header | the only files that may include it | who owns it. The first row that matches decides.
headers='
^curl/                    | ^protocol/transport/                               | the HTTP client
^(cjson/|cJSON)           | ^protocol/json\.c$                                 | JSON
^openssl/                 | ^(protocol/crypto_(openssl|common)\.c|server/(http|pki)/) | cryptography, TLS, certificates
^(event2/|event|ev[a-z]+)(\.h)?$|^event2/ | ^server/http/                              | the HTTP server
^sqlite3                  | ^server/store/db_sqlite\.c$                        | the SQLite driver
^(libpq|postgresql/|pg_)  | ^server/store/db_postgres\.c$                      | the PostgreSQL driver
^sodium                   | ^server/fleet/password\.c$                         | the password hash
^(windows|win[a-z0-9]+|ws2[a-z]+|bcrypt|ncrypt|wincrypt|schannel|sspi|security|wuapi|winevt|tlhelp32|sddl|aclapi|ob[a-z]+|ole[a-z0-9]+|initguid|shl[a-z]+|shellapi|userenv|psapi|lm|io|process|direct|conio)\.h$ | ^(agent/windows/|agent/scan_command\.c$|protocol/crypto_cng\.c$) | Windows
^(assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|tgmath|threads|time|uchar|wchar|wctype)\.h$ | . | C
^((sys|netinet|arpa|net)/|(unistd|strings|fcntl|pthread|dirent|termios|poll|netdb|libgen|grp|pwd|dlfcn|malloc|getopt|spawn|glob|syslog|semaphore|sched|regex)\.h$) | ^(server/|agent/(sim|native|windows|program)/|agent/scan_command\.c$|protocol/(transport/|crypto_openssl\.c$)) | POSIX
'

# folder | folders whose headers it may not name
borders='
protocol        | agent server
agent           | server
server          | agent
agent/core      | agent/windows agent/sim agent/native agent/program
agent/sources   | agent/windows agent/sim agent/native agent/program agent/core
agent/windows   | agent/sim agent/native
agent/sim       | agent/windows
server/model    | server/store server/fleet server/http server/handlers server/pki server/program
server/store    | server/fleet server/http server/handlers server/pki server/program
server/fleet    | server/http server/handlers server/pki server/program
server/http     | server/model server/store server/fleet server/handlers server/pki server/program
server/handlers | server/store server/pki server/program
server/pki      | server/model server/store server/fleet server/http server/handlers server/program
server/cli      | server/model server/store server/fleet server/http server/handlers server/pki server/program server/console
'

banned='strcpy|strcat|sprintf|vsprintf|strtok|strtok_r|atoi|atol|atoll|atof|gets|alloca|wcscpy|wcscat|lstrcpy[AW]?|lstrcat[AW]?|wsprintf[AW]?|mktemp|tmpnam'

# Written so that this file does not match itself.
machine_paths='/wor[k]/|/tmp/[w](/|$|[^a-z])|/roo[t]/'

# UTF-8 is for texts people read, and tests may show such texts; sources spell other characters as escapes.
utf8_texts='\.(md|html|js|ts|css|svg|txt|log|json|csv|po|adml|wxl|tsv)$'

# ---- looking ----

files() { # files EXTENSION_REGEX FOLDER...
    local pattern=$1
    shift
    find "$@" \( -name build -o -name .git -o -name node_modules \) -prune -o -type f -regextype posix-extended \
        -regex "$pattern" -print 2>/dev/null | sed 's|^\./||' | sort
}

# file:line:"header" or file:line:<header>
includes() {
    files '.*\.(c|h|def|inc)' protocol agent server |
        xargs -r grep -HnE '^[ 	]*#[ 	]*include' |
        sed -E 's/^([^:]*:[0-9]+:)[ \t]*#[ \t]*include[ \t]*(["<][^">]*[">]?).*/\1\2/'
}

foreign_headers() {
    includes | grep '<' | awk -F: -v rules="$headers" '
        BEGIN {
            count = split(rules, line, "\n")
            for (i = 1; i <= count; i++) {
                cut = split(line[i], part, / +\| +/)
                if (cut >= 3) { n++; what[n] = part[1]; where[n] = part[2]; owner[n] = part[3] }
            }
        }
        {
            header = tolower(substr($3, 2, length($3) - 2))
            for (i = 1; i <= n; i++)
                if (header ~ tolower(what[i])) {
                    if ($1 !~ where[i]) print $1 ":" $2 ": <" header "> belongs to " owner[i] ", not here"
                    next
                }
            print $1 ":" $2 ": <" header "> is owned by no layer; name its one owner in tests/layers.sh"
        }'
}

# A header of ours belongs to the folder that has it; when several have one of that name, one allowed one is enough.
own_headers() {
    { files '.*\.h' protocol agent server; echo; includes | grep '"'; } | awk -F: -v rules="$borders" '
        function folder_of(path) { sub(/\/[^\/]*$/, "", path); return path }
        function within(path, folder) { return path == folder || index(path, folder "/") == 1 }
        function forbidden(from, to,    i) {
            for (i = 1; i <= n; i++) if (within(from, side[i]) && within(to, other[i])) return 1
            return 0
        }
        BEGIN {
            count = split(rules, line, "\n")
            for (i = 1; i <= count; i++)
                if (split(line[i], part, / *\| */) == 2) {
                    m = split(part[2], to, " ")
                    for (k = 1; k <= m; k++) { n++; side[n] = part[1]; other[n] = to[k] }
                }
        }
        NF == 1 { base = $1; sub(/.*\//, "", base); homes[base] = homes[base] " " folder_of($1); next }
        NF >= 3 {
            header = substr($3, 2, length($3) - 2)
            if (header ~ /\.\.\//) { print $1 ":" $2 ": \"" header "\" climbs over a border"; next }
            from = folder_of($1)
            m = split(homes[header], home, " ")
            allowed = (m == 0)
            for (i = 1; i <= m; i++) if (home[i] == from || !forbidden(from, home[i])) allowed = 1
            if (!allowed) print $1 ":" $2 ": \"" header "\" of" homes[header] " may not be included by " from
        }'
}

banned_functions() {
    files '.*\.(c|h|def|inc)' protocol agent server tests |
        xargs -r grep -HnE "(^|[^A-Za-z0-9_])($banned)[ ]*\(" | sed -E 's/^([^:]*:[0-9]+:)[ \t]*/\1 banned function: /'
}

texts() {
    files '.*' . | grep -vE '\.(png|ico|pem|der|gz|zip|etl|evtx|bin|db)$'
}

machine_paths() {
    texts | xargs -r grep -HnIE "$machine_paths" | sed -E 's/^([^:]*:[0-9]+:)[ \t]*/\1 path of one machine: /'
}

other_characters() {
    texts | grep -vE "$utf8_texts" | grep -vE '^tests/' |
        LC_ALL=C.UTF-8 xargs -r grep -HnIP '[^\x00-\x7F\x{2014}\x{2026}\x{2500}-\x{257F}\x{25B2}-\x{25C4}]' | sed -E 's/^([^:]*:[0-9]+:)[ \t]*/\1 not ASCII: /'
}

look() {
    (cd "$1" && { foreign_headers; own_headers; banned_functions; machine_paths; other_characters; })
}

# ---- the proof ----

plant() { # plant FILE LINE
    mkdir -p "$scratch/$(dirname "$1")"
    printf '%b\n' "$2" >> "$scratch/$1"
}

prove() {
    scratch=$(mktemp -d) || exit 2
    trap 'rm -rf "$scratch"' EXIT
    # What is allowed.
    plant protocol/json.c '#include <cjson/cJSON.h>'
    plant server/http/loop.c '#include <event2/event.h>\n#include <openssl/ssl.h>'
    plant server/http/message.h 'struct exchange;'
    plant server/store/store.h 'struct store;'
    plant server/fleet/intake.c '#include "store.h"\n#include <stdio.h>'
    plant server/handlers/routes.c '#include "fleet.h"'
    plant server/cli/config.h 'struct config;'
    plant agent/core/config.h 'struct config;'
    plant server/cli/config.c '#include "config.h"\n#include <termios.h>\nint snprintf_(void); int x = my_atoi(3);'
    plant agent/windows/wide.c '#include <windows.h>'
    plant docs/readme.md 'caf\xc3\xa9'
    local quiet
    quiet=$(look "$scratch")
    if [ -n "$quiet" ]; then
        printf 'FAIL - found in a tree without a breach:\n%s\n' "$quiet"
        return 1
    fi
    # What is not: each line on its own.
    local breaches=(
        'server/fleet/a.c|#include <curl/curl.h>' 'protocol/wire.c|#include <cjson/cJSON.h>' 'server/store/a.c|#include <openssl/evp.h>'
        'server/handlers/a.c|#include <event2/http.h>' 'server/store/rows.c|# include <sqlite3.h>' 'server/store/b.c|#include <libpq-fe.h>'
        'server/fleet/b.c|  #include <sodium.h>' 'agent/core/a.c|#include <windows.h>' 'agent/core/b.c|#include <Windows.h>'
        'agent/core/c.c|#include <unistd.h>' 'agent/sources/a.c|#include <dirent.h>' 'protocol/base/a.c|#include <sys/stat.h>'
        'protocol/a.c|#include <jansson.h>' 'server/handlers/b.c|#include "store.h"' 'server/cli/a.c|#include "message.h"'
        'server/http/a.c|#include "store.h"' 'server/fleet/c.c|#include "message.h"' 'server/fleet/d.c|#include "../http/message.h"'
        'agent/windows/a.c|strcpy(a, b);' 'tests/unit/a.c|n = atoi (z);' 'server/a.c|vsprintf(a, b, c);' 'agent/a.c|x = strtok(a, b);'
        'deploy/a.sh|cd /wo''rk/main' 'cmake/a.cmake|set(x /tmp/''w/x)' 'agent/b.c|/* caf\xc3\xa9 */'
    )
    local failed=0 breach file
    for breach in "${breaches[@]}"; do
        file=${breach%%|*}
        plant "$file" "${breach#*|}"
        if ! grep -q "^$file:1:" <<< "$(look "$scratch")"; then
            printf 'FAIL - not found: %s: %s\n' "$file" "${breach#*|}"
            failed=1
        fi
        rm "$scratch/$file"
    done
    [ $failed = 0 ] && printf 'ok - layers: each of %d planted breaches was found\n' ${#breaches[@]}
    return $failed
}

prove || exit 1
root=$(dirname "$0")/..
if [ "$(cd "$root" && files '.*\.c' protocol agent server | wc -l)" -lt 100 ]; then
    echo 'FAIL - layers: where are the sources?'
    exit 1
fi
found=$(look "$root")
if [ -n "$found" ]; then
    printf '%s\n' "$found"
    printf 'FAIL - layers: %d breaches\n' "$(printf '%s\n' "$found" | wc -l)"
    exit 1
fi
echo 'ok - layers: all borders are kept'
