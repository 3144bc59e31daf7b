#!/bin/sh
# Print users.acl in the format of Redis: no comments, one line a user, passwords by their hashes.
# Without a second password there is no administrator.
#
#   deploy/acl.sh PASSWORD_FILE [ADMIN_PASSWORD_FILE] > /etc/redis/users.acl
set -eu

hash() {
    password=$(cat "$1")
    test -n "$password" || { echo "$1 is empty" >&2; return 1; }
    printf %s "$password" | sha256sum | cut -d' ' -f1
}

test $# -eq 1 || test $# -eq 2 || { echo "usage: $0 PASSWORD_FILE [ADMIN_PASSWORD_FILE]" >&2; exit 2; }
ours=$(hash "$1")
if test $# -eq 2; then
    theirs=$(hash "$2")
    admin="s/@ADMIN@/$theirs/"
else
    admin="/@ADMIN@/d"
fi

sed -e '/^# /d' -e '/^#$/d' -e '/^$/d' -e "s/@PASSWORD@/$ours/" -e "$admin" "$(dirname "$0")/users.acl" |
    awk '/^user / && NR > 1 { printf "\n" } NR > 1 && !/^user / { printf " " } { printf "%s", $0 }
         END { printf "\n" }'
