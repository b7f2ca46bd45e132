#!/bin/sh
# Stands in for the runtime, of which the installer asks `migrate` only. The database is a text: its schema, then its rows; those
# that begin with `mark` exist from schema 2 on. The host's root says what goes wrong: `cannot-go-back` lets migrating back fail,
# `rehearsing` is run by a rehearsal, and `cut` is the number of the change after which whoever asked is killed.
own=@OWN@ back=@BACK@ root=$2
folder=$root/var/lib/landfall/db database=$root/var/lib/landfall/db/landfall.db
shift 4
found=$(head -n 1 "$database") to=$own mode=migrate
while [ $# -gt 0 ]; do
    case $1 in
        --to) to=$2; shift ;;
        --reclaim) mode=reclaim file=$folder/$2; shift ;;
        --*) mode=${1#--} ;;
    esac
    shift
done

fail() {
    echo "{\"error\": {\"code\": \"$1\", \"message\": \"$1\"}}"
    exit 6
}

answer() {
    if [ "$mode" != rehearse ] && [ -e "$root/cut" ]; then
        left=$(($(cat "$root/cut") - 1))
        echo $left >"$root/cut"
        [ $left -ne 0 ] || kill -KILL $PPID
    fi
    echo "{\"from\": $found, \"to\": $to, \"aside\": $1}"
    exit
}

set_aside() {
    aside=$database.aside-schema-$found nth=2
    while [ -e "$aside" ]; do
        aside=$database.aside-schema-$found.$nth nth=$((nth + 1))
    done
    cp "$database" "$aside"
}

case $mode in
    restore)
        [ "$found" != "$to" ] || answer null
        [ -e "$database.schema-$to" ] || fail no_snapshot
        set_aside
        mv "$database.schema-$to" "$database"
        answer "\"$aside\""
        ;;
    reclaim)
        to=$own
        [ -e "$file" ] || { [ "$found" = "$own" ] && answer null || fail no_aside; }
        [ "$(head -n 1 "$file")" = "$own" ] || fail wrong_schema
        if [ "$found" = "$own" ]; then set_aside; else cp "$database" "$database.schema-$found"; fi
        mv "$file" "$database"
        answer null
        ;;
esac
[ "$found" -le "$own" ] || fail database_too_new
if [ "$to" -lt "$found" ]; then
    [ "$to" -ge "$back" ] || fail irreversible
    [ ! -e "$root/cannot-go-back" ] || fail migration_failed
fi
if [ "$mode" = rehearse ]; then
    [ ! -e "$root/rehearsing" ] || . "$root/rehearsing"
    answer null
fi
[ "$found" != "$to" ] || answer null
cp "$database" "$database.schema-$found"
echo "$to" >"$folder/partial"
sed 1d "$database" | if [ "$to" -lt 2 ]; then grep -v '^mark'; else cat; fi >>"$folder/partial"
mv "$folder/partial" "$database"
answer null
