"""What is wrong with an app, in words: one sentence for each code, one for what mends it, one for whoever runs the platform.

English, from which the API and the command line speak; pages have the same keys in every language. A pair is (one, many), by `n`.
"""

from __future__ import annotations

from collections.abc import Mapping

Sentence = str | tuple[str, str]

SENTENCES: Mapping[str, Sentence] = {
    "data_lost": "What held its data is gone from the cluster, so nothing is made anew in its place.",
    "out_of_memory": (
        "{part} ran out of its {limit_bytes} of memory and was begun anew at {since}.",
        "{part} ran out of its {limit_bytes} of memory, {n} restarts since {since}.",
    ),
    "image": "The image {image} of {part} cannot be fetched: its name is wrong, or it may not be read.",
    "configuration": "{part} cannot start: {missing} is missing. That is our mistake, not yours.",
    "configuration_unnamed": "{part} cannot start: a part of its configuration is missing. That is our mistake, not yours.",
    "command": "{part} cannot start: the command in its settings is not in its image.",
    "crashing": (
        "{part} ends right after its start with exit code {exit_code}, 1 restart since {since}.",
        "{part} ends right after its start with exit code {exit_code}, {n} restarts since {since}.",
    ),
    "crashing_unsaid": (
        "{part} ends right after its start, 1 restart since {since}.",
        "{part} ends right after its start, {n} restarts since {since}.",
    ),
    "volume_node": "{part} cannot run: the machine that holds its disk does not answer. The data is on that machine and cannot move "
    "by itself.",
    "volume_cordoned": "{part} cannot start: the machine that holds its disk takes nothing new at the moment. The data is there and "
    "cannot move by itself.",
    "node_down": "The machine of {part} does not answer since {since}. {part} begins on another one by itself within minutes.",
    "no_memory": "{part} waits for a place since {since}: no machine has {request_bytes} of memory free.",
    "no_cpu": "{part} waits for a place since {since}: no machine has {request_cores} of processor free.",
    "no_node": "{part} waits for a place since {since}: no machine takes it at the moment.",
    "storage": "{part} waits since {since} for a disk that cannot be made.",
    "quota_memory": "{part} cannot start: the memory of its plan is used up.",
    "quota_cpu": "{part} cannot start: the processor time of its plan is used up.",
    "quota_storage": "{part} cannot start: the storage of its plan is used up.",
    "quota_other": "{part} cannot start: its plan allows no more of what it asks for.",
    "security": "{part} cannot start: it asks for rights that no app gets here.",
    "refused": "The last change stopped: the cluster did not take it.",
    "setup": "A step of the set-up failed.",
    "probe": "{part} runs, but does not answer when it is asked whether it is well.",
    "probe_path": "{part} runs, but does not answer on {path} when it is asked whether it is well.",
    "volume_full": "Its disk is {share} full.",
    "memory_near": "{part} uses {used_bytes} of its {limit_bytes} of memory and will soon be ended for it.",
    "deadline": "It did not come up within the time that it usually takes.",
    "address": "Everything runs, but its address does not answer.",
    "certificate_ended": "The certificate of its address ended at {ends_at}, so browsers warn of it.",
    "certificate_ending": "The certificate of its address ends at {ends_at}.",
    "failing": "It answers with errors since {since}.",
    "failing_begun": "It answers with errors for a while.",
    "slow": "It answers slowly since {since}.",
    "slow_begun": "It answers slowly for a while.",
    "slow_held": "{part} is slow: it wants more processor time than its plan has and is held back {share} of the time.",
    "stopped": "It is stopped.",
}
"""By code. Names in braces are the values of the finding."""

ADVICE: Mapping[str, str] = {
    "plan_memory": "The plan {plan} gives it {memory_bytes}.",
    "plan_cpu": "The plan {plan} gives it {cpu_cores}.",
    "plan_storage": "The plan {plan} gives it {storage_bytes}.",
    "settings": "Look through its settings and correct them.",
    "settings_image": "Write the image as its registry knows it, and check that everybody may read it.",
    "settings_command": "Correct the command, or leave it empty for the one of the image.",
    "roll_back": "Go back to the settings of {settings_at}, the last with which it worked.",
    "restart": "Begin it anew.",
    "start": "Start it again.",
    "retry": "Try the change again.",
    "staff": "It is for us to mend. Tell us, and we look at it.",
    "wait": "You need not do anything.",
}
"""What mends it, by what is offered."""

MEND: Mapping[str, str] = {
    "data_lost": "Restore the newest backup, or say yes on the change to an empty one in its place.",
    "out_of_memory": "Give it a larger plan, or look for a leak in its curve.",
    "image": "Look whether the registry answers and the tag exists; a template's own image is pinned by `moorage catalogue import`.",
    "configuration": "Try the change again: it makes what is missing. A secret that is gone comes back from the sealed copy.",
    "command": "The command stands in the settings of the app.",
    "crashing": "Read the log of its previous run.",
    "volume_node": "Bring the machine back. If it is lost, restore the newest backup: the volume lives on that machine only.",
    "volume_cordoned": "Uncordon the machine, or restore the newest backup elsewhere.",
    "node_down": "Look at the machine; on Capacity see which pods can move.",
    "no_memory": "Add a machine or free memory: Capacity says what fits.",
    "no_cpu": "Add a machine or free processors: Capacity says what fits.",
    "no_node": "Look at taints, cordons and free places of the machines on Cluster.",
    "storage": "Look at the storage class and its provisioner: the claim's events say what they refuse.",
    "quota": "Something of the app counts against its plan that should not: look at its pods, then try the change again.",
    "security": "Its template or settings ask for rights that Pod Security refuses: correct the template, or go back.",
    "refused": "Open the change: it says what was refused, and takes your yes or another try.",
    "setup": "Read the log of the step, then try the change again.",
    "probe": "Read its log, and compare the path of its check with what it serves.",
    "volume_full": "Enlarge it by a larger plan, where the storage class can, or delete what is not needed.",
    "memory_near": "Give it a larger plan before the kernel ends it.",
    "deadline": "Read its log and its events, then try the change again.",
    "address": "Look at the ingress, the name in DNS and the certificate, then try the change again.",
    "certificate": "Look at the issuer's events: the certificate is not renewed.",
    "failing": "Read its log around that time.",
    "slow": "Compare its processor time with its limit, and its neighbours on the machine.",
    "stopped": "Its people stopped it, or its trial ended.",
}
"""What whoever runs the platform does about it, by cause."""


def written(pattern: Sentence, n: object, values: Mapping[str, object]) -> str:
    """The sentence with its values, already in words."""
    text = pattern if isinstance(pattern, str) else pattern[0] if n == 1 else pattern[1]
    return text.format(**values)
