"""Parts of the keys of runs: what results depend on, as plain values and without wording.

Tables, pixels and labels count by content; what users registered counts by its code. Whatever
belongs to opscore counts by name, and :data:`opscore.fingerprint.RESULTS` is raised when the
same names and settings come to give other numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from opscore.data.files import file_hash
from opscore.fingerprint import RESULTS, fingerprint
from opscore.images import image_content, load_images
from opscore.oracles import ORACLES, Oracle
from opscore.policies import POLICIES, find_family
from opscore.proxies import MEANINGS, PROXIES, Proxy, proxies_in
from opscore.settings import Settings
from opscore.settings.profiles import profile_name
from opscore.spaces import SPACES, get_space
from opscore.supernets import SUPERNETS, network_version

#: Classes of CIFAR-10, and outputs of networks that nobody says otherwise of.
CIFAR_CLASSES = 10


def made_with(policy: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a policy's scores depend on, as :mod:`opscore.published` compares them.

    settings: by their names, of settings objects or of a run's key; further ones are left out.
    """
    uses = find_family(policy)[0].policy.uses
    names: list[str] = []
    if uses & {"supernet", "trained"}:
        names += ["size", "checkpoint", "meaning", "image_size"]
    if "supernet" in uses:
        names += ["precision", "survivors"]
    if "batch" in uses:
        drawn = settings.get("batch_file") is None
        names += ["batch_size", "images"] if drawn else ["batch_file"]
    if "trained" in uses:
        names += ["training", "images"]
    made = {name: settings[name] for name in names if name in settings}
    if "training" in made:
        made["training"] = profile_name(made["training"])
    if made.get("checkpoint") is not None:
        made.pop("size", None)
    return made


#: Version of the numbers of networks of a user's own; raised when they come to be others.
OWN_NETWORKS = 2


def start_key(kind: str, space: str) -> dict[str, Any]:
    """The part of every key: what is computed, in which space, and the version of our numbers."""
    key: dict[str, Any] = {"kind": kind, "results": RESULTS, "space": space}
    if SPACES.is_from_outside(space):
        key["space_content"] = fingerprint(get_space(space))
        key["own_networks"] = OWN_NETWORKS
    return key


def network_key(settings: Settings) -> dict[str, Any]:
    """What the networks depend on, beside the seed: size or file, arithmetic, version."""
    return {
        "size": settings.size if settings.checkpoint is None else None,
        "checkpoint": None if settings.checkpoint is None else file_hash(settings.checkpoint),
        "networks": network_version(settings.space),
        **arithmetic_key(settings),
        **image_size_key(settings),
    }


def arithmetic_key(settings: Settings) -> dict[str, Any]:
    """Type of the numbers, and kind of device."""
    return {"dtype": settings.dtype, "device": settings.device.partition(":")[0]}


def image_key(images: str, data_dir: Path | None) -> dict[str, Any]:
    """An image set by its name and by its content, labels included."""
    return {"images": images, "image_content": image_content(images, data_dir)}


def image_size_key(settings: Settings) -> dict[str, int]:
    """The size of images; nothing where it is the networks' own."""
    return {} if settings.image_size is None else {"image_size": settings.image_size}


def precision_key(settings: Settings) -> dict[str, str]:
    """Precision and survivors; nothing for 'full' and 'auto', so that older runs are found."""
    key = {} if settings.precision == "full" else {"precision": str(settings.precision)}
    return key if settings.survivors == "auto" else {**key, "survivors": settings.survivors}


def batch_key(settings: Settings) -> dict[str, Any]:
    """A drawn minibatch by its images and size, one from a file by the file's hash.

    With a file networks still have as many outputs as the images have classes; ten, as CIFAR-10
    has, are named by nothing, so that older runs are found.
    """
    if settings.batch_file is not None:
        classes = load_images(settings.images, settings.data_dir).n_classes
        named = {} if classes == CIFAR_CLASSES else {"n_classes": classes}
        return {"batch_file": file_hash(settings.batch_file), **named}
    drawn = image_key(settings.images, settings.data_dir)
    return {**drawn, "batch_size": settings.batch_size, **image_size_key(settings)}


def training_key(settings: Settings) -> dict[str, Any]:
    """How supernets are trained and retrained, and on which images."""
    profile = asdict(settings.profile)
    del profile["name"]
    return {"training": profile, **image_key(settings.images, settings.data_dir)}


def oracle_key(oracle: Oracle) -> dict[str, Any]:
    """The accuracies themselves, and how trainings are reduced.

    Of a truth of somebody else's also which entries are rows: those that ship keep theirs.
    """
    key = {"accuracies": oracle.content, "seeds": oracle.seeds}
    if oracle.rows is not None and ORACLES.is_from_outside(oracle.space.name):
        key["rows"] = fingerprint(oracle.rows)
    return {"oracle": key}


def policy_key(name: str) -> dict[str, Any]:
    """A policy by its name, and the code of what in it was registered from outside."""
    family, argument = find_family(name)
    key: dict[str, Any] = {"policy": name}
    if POLICIES.is_from_outside(name.partition("(")[0].strip()):
        key["policy_code"] = family.version or fingerprint((family.build, family.policy))
    return key | named_key(argument)


def named_key(argument: str) -> dict[str, Any]:
    """The code of the proxies of a name's argument that were registered from outside."""
    codes = {
        one.name: code for one in proxies_in(argument) if (code := proxy_code(one)) is not None
    }
    return {"proxy_code": codes} if codes else {}


def survivors_key(settings: Settings, argument: str) -> dict[str, Any]:
    """What proxies let the survivors of an edge weigh that are not taken as before ('theta').

    Nothing where the settings say it for all of them: then these name it.
    """
    if settings.survivors != "auto":
        return {}
    weights = {one.name: str(one.weighs(settings.meaning)) for one in proxies_in(argument)}
    other = {name: weight for name, weight in weights.items() if weight != "theta"}
    return {"proxy_weights": other} if other else {}


def ntk_key(settings: Settings, name: str, argument: str) -> dict[str, Any]:
    """The version of clean ntk where norms run several times; nothing elsewhere.

    name: of a policy or method, without its argument.
    """
    if settings.meaning != "clean" or not SUPERNETS[settings.space].repeats_norms:
        return {}
    has = name in {"tenas", "te-nas"} or "ntk" in {one.name for one in proxies_in(argument)}
    return {"clean_ntk": 2} if has else {}


def proxy_code(proxy: Proxy) -> str | None:
    """A hash of a proxy's code and settings, or its version; None for one of this package."""
    registered = proxy.name in PROXIES and PROXIES[proxy.name] is proxy
    if registered and not PROXIES.is_from_outside(proxy.name):
        return None
    settings = (proxy.higher_is_better, proxy.mode, proxy.survivors)
    if proxy.version is not None:
        return fingerprint((proxy.version, settings))
    # Engines once said of which meanings they are; results keep the names that they had.
    engines = (proxy.engine, proxy.network_engine, tuple(sorted(MEANINGS)))
    return fingerprint((settings, proxy.function, proxy.clean, engines))
