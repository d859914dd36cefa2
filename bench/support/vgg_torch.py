"""Nets of VGG's kind in PyTorch, which is measured beside ours."""

from torch import nn

VGG16 = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]


def build(features, hidden, dropout, size, classes):
    """Convolutions and pools as in `features`, hidden linear layers, and a classifier, for images of size x size pixels.

    VGG16 is as torchvision has it, without its adaptive pooling, which does nothing at 224 x 224.
    """
    layers, channels, width = [], 3, size
    for token in features:
        if token == "M":
            layers.append(nn.MaxPool2d(2))
            width //= 2
        else:
            layers += [nn.Conv2d(channels, token, 3, padding=1), nn.ReLU(inplace=True)]
            channels = token
    layers.append(nn.Flatten())
    inputs = channels * width * width
    for outputs in hidden:
        layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
        if dropout:
            layers.append(nn.Dropout())
        inputs = outputs
    layers.append(nn.Linear(inputs, classes))
    return nn.Sequential(*layers)
