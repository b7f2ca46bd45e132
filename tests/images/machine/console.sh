#!/bin/bash
# Runs what the tests say over a virtio port, one command a line: a number, a space, the command in base64. Answers with the
# number, the exit code, and both channels in base64, each after a colon.
exec 3<>/dev/virtio-ports/landfall.testbed
folder=$(mktemp --directory --tmpdir=/run)
while read -r number command <&3; do
    base64 --decode <<<"$command" >"$folder/command"
    sh "$folder/command" </dev/null >"$folder/stdout" 2>"$folder/stderr" 3>&-
    code=$?
    echo "$number $code :$(base64 --wrap=0 "$folder/stdout") :$(base64 --wrap=0 "$folder/stderr")" >&3
done
