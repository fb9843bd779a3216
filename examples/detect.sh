#!/bin/sh
# Ask a running inference process what is in a picture, with curl.
#
#     sh examples/detect.sh http://127.0.0.1:8000 street.jpg
set -eu
server=$1 picture=$2

# One picture: the body is the file itself.
curl --fail-with-body --silent --show-error --data-binary "@$picture" "$server/api/v1/detect?confidence=0.4"
echo

# Only people, with boxes in pixels too; no answer is of use after two minutes.
curl --fail-with-body --silent --show-error --data-binary "@$picture" \
    "$server/api/v1/detect?labels=person&pixels=true&timeout=120"
echo

# Several pictures: a line of JSON for each, the quickest first.
curl --fail-with-body --silent --show-error --no-buffer --header 'Accept: application/x-ndjson' \
    --form "file=@$picture" --form "file=@$picture" "$server/api/v1/detect"

# Base64 in JSON, of a version of the model by its media type.
printf '{"image": "%s"}' "$(base64 "$picture" | tr -d '\n')" |
    curl --fail-with-body --silent --show-error --header 'Content-Type: application/json' \
        --header 'Accept: application/vnd.vedette.vision.v1+json' --data-binary @- "$server/api/v1/detect"
echo

# A picture that is none: the status is 415, the body says why (and curl's own status is 22).
echo nothing | curl --silent --show-error --data-binary @- "$server/api/v1/detect"
echo
