#!/bin/sh
# The contract of docs/own-scripts.md in a shell script: predicts that the bigger file is the better picture.
# Trains nothing; so one "epoch", and nothing to resume from.
set -eu

predict() {  # of one split, "test" or "val", into file $2
    echo "image,prediction" > "$2.part"
    awk -F, -v part="$1" 'NR > 1 && $NF == part { print $1 }' "$IQA_TRAIN_SPLIT" | while read -r image; do
        echo "$image,$(wc -c < "$IQA_TRAIN_IMAGES/$image")"
    done >> "$2.part"
    mv "$2.part" "$2"
}

predict test "$IQA_TRAIN_PREDICTIONS_TEST"
[ ! -e "$IQA_TRAIN_STOP" ] || exit 75
predict val "$IQA_TRAIN_PREDICTIONS_VAL"
echo '{"event": "epoch", "epoch": 1}' >> "$IQA_TRAIN_EVENTS"
echo "done: $(wc -l < "$IQA_TRAIN_PREDICTIONS_TEST") lines"
