"""Images x networks per second of PyTorch: 256 distinct small convolutional networks (8, pooling, 16, pooling, dense; 28x28)
over 512 images with their cross entropy, one network after the other, without gradients. Prints one JSON line.

    python peers_cnn.py [--threads N] [--repeats N]

`own` is per second of processor time, which other programs on the machine disturb less.
"""

import argparse
import json
import time

import torch
from torch import nn

NETWORKS, IMAGES = 256, 512


def network():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(784, 10),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    networks = [network().eval() for _ in range(NETWORKS)]
    images, labels = torch.rand(IMAGES, 1, 28, 28), torch.randint(10, (IMAGES,))
    wall, own = [], []
    with torch.inference_mode():
        networks[0](images)
        for _ in range(arguments.repeats):
            begin, before = time.perf_counter(), time.process_time()
            for one in networks:
                nn.functional.cross_entropy(one(images), labels).item()
            wall.append(time.perf_counter() - begin)
            own.append(time.process_time() - before)
    work = NETWORKS * IMAGES
    print(json.dumps({"threads": arguments.threads, "rate": work / min(wall), "own": work / min(own)}))


if __name__ == "__main__":
    main()
