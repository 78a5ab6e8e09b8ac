"""`soundkin synth` and `soundkin train`: sound out of nothing, and spaces out of sound."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from soundkin.cli.app import app
from soundkin.cli.options import AsJson
from soundkin.cli.printing import print_json
from soundkin.errors import InputError


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(help="Folder to write to.")],
    patch: Annotated[str, typer.Option(help="voice, voice-fm, parametric or world.")] = "voice",
    n: Annotated[int, typer.Option("-n", "--n", help="How many pairs.")] = 20,
    delta: Annotated[
        float, typer.Option(help="How far the two of a pair are apart, 0 to 1.")
    ] = 0.25,
    pitch: Annotated[float | None, typer.Option(help="Another delta for pitch.")] = None,
    timbre: Annotated[float | None, typer.Option(help="Another delta for timbre.")] = None,
    envelope: Annotated[float | None, typer.Option(help="Another delta for envelopes.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same sounds.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write pairs of synthesized sounds to listen to, and a picture of their spectrograms."""
    demand_torch()
    from soundkin.synth.audition import write_pairs

    made = write_pairs(
        out,
        patch=patch,
        n=n,
        delta=delta,
        pitch=pitch,
        timbre=timbre,
        envelope=envelope,
        seed=seed,
    )
    if as_json:
        print_json({"sounds": [str(path) for path in made.sounds], "picture": str(made.picture)})
    else:
        typer.echo(f"{len(made.sounds) // 2} pairs written to {out}; see {made.picture}.")


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, or a .toml file.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder of this training; the same one goes on.", show_default="./RECIPE"
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of sound, for recipes that need one.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value; repeatable.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="How many steps, instead of the recipe's.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="How long, instead of steps.")] = None,
    labelled: Annotated[
        Path | None, typer.Option(help="Folder with labels.csv whose k-NN accuracy is watched.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
    int8: Annotated[
        bool, typer.Option("--int8", help="Write the network in 8 bits, where that is harmless.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Log for TensorBoard too, if it is installed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a space without labels by a recipe, and install it: `--space RECIPE` uses it at once."""
    demand_torch()
    from soundkin.shelf import installed_spaces
    from soundkin.train_space import train_space

    where = out or Path(Path(recipe).stem)
    files = train_space(
        recipe,
        where,
        changes=changes or [],
        data=data,
        steps=steps,
        minutes=minutes,
        labelled=labelled,
        device=device,
        int8=int8,
        tensorboard=tensorboard,
    )
    if as_json:
        print_json(
            {"spaces": [str(file) for file in files], "names": [file.stem for file in files]}
        )
    for file in [] if as_json else files:
        name = file.stem if file.stem in installed_spaces() else str(file)
        typer.echo(
            f"Wrote the space {file}. `soundkin index FOLDER --space {name}` listens with it."
        )


@app.command()
def swap(
    content: Annotated[Path, typer.Argument(help="Sound whose content is kept.", metavar="A")],
    voice: Annotated[Path, typer.Argument(help="Sound whose voice is taken.", metavar="B")],
    out: Annotated[Path, typer.Option("--out", "-o", help="WAV file to write.")],
    using: Annotated[
        str, typer.Option("--with", help="A training of autodecompose: its name, or a .swap file.")
    ] = "autodecompose",
    as_json: AsJson = False,
) -> None:
    """Speak A's content with B's voice, by what a training of autodecompose has learnt."""
    from soundkin.audio.decode import read_sound
    from soundkin.audio.encode import encode_wav
    from soundkin.errors import StorageError
    from soundkin.swap import load_swapper

    swapper = load_swapper(using)
    rate_hz = swapper.settings.rate_hz
    a, b = (read_sound(path, rate_hz=rate_hz)[0] for path in (content, voice))
    try:
        out.write_bytes(encode_wav(swapper.swap(a, b), rate_hz))
    except OSError as error:
        raise StorageError(f"{out} cannot be written ({error.strerror})", "a WAV file") from error
    if as_json:
        print_json({"sound": str(out), "seconds": len(a) / rate_hz, "with": swapper.name})
    else:
        typer.echo(f"Wrote {out}: {content} with the voice of {voice}.")


def demand_torch() -> None:
    """Say plainly what is missing."""
    if find_spec("torch") is None:
        raise InputError(
            "PyTorch is not installed", "the extra 'train'", "run `pip install 'soundkin[train]'`"
        )
