"""Print the folder of the model, for `--set detector.model=FOLDER`."""

from own_detector import MODEL

print(MODEL)
