#!/usr/bin/env python3
"""Writes simulator/apiserver/src/kinds/types.txt: the fields of Kubernetes' own kinds, from the Go types of its API.

    .ci/api-types.py KUBERNETES_SOURCE > simulator/apiserver/src/kinds/types.txt
"""
import re
import sys

ROOT = sys.argv[1] + "/staging/src/k8s.io/"
# The kinds that kubectl creates with typed clients, and those that people ask `kubectl explain` about first.
KINDS = {
    "core/v1": "Pod Namespace Node Event ConfigMap Secret Service ServiceAccount ResourceQuota Binding",
    "apps/v1": "Deployment ReplicaSet StatefulSet DaemonSet",
    "batch/v1": "Job CronJob",
    "policy/v1": "Eviction PodDisruptionBudget",
    "autoscaling/v1": "Scale HorizontalPodAutoscaler",
    "coordination/v1": "Lease",
    "events/v1": "Event",
    "networking/v1": "Ingress",
    "scheduling/v1": "PriorityClass",
    "rbac/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "authorization/v1": "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview LocalSubjectAccessReview",
    "authentication/v1": "SelfSubjectReview TokenRequest TokenReview",
    "meta/v1": "DeleteOptions",
}
LEAVES = {
    "meta/v1.Time": "time", "meta/v1.MicroTime": "microtime", "meta/v1.Duration": "duration",
    "resource.Quantity": "quantity", "intstr.IntOrString": "intorstring",
    "meta/v1.FieldsV1": "json", "runtime.RawExtension": "json", "string": "string", "bool": "bool",
    "int": "int", "int32": "int", "int64": "int", "uint8": "int", "float64": "float", "[]byte": "bytes",
}
packages = {}


def package(name):
    if name not in packages:
        group, version = name.split("/")
        path = f"apimachinery/pkg/apis/meta/{version}" if group == "meta" else f"api/{group}/{version}"
        text = open(ROOT + path + "/types.go").read()
        try:
            text += open(ROOT + path + "/well_known_labels.go").read()
        except OSError:
            pass
        imports = {}
        for alias, target in re.findall(r'^\s*(\w+)?\s*"(k8s\.io/[^"]+)"', text, re.M):
            found = re.search(r"(?:api|apis)/(\w+)/(v\w+)$", target)
            imports[alias or target.split("/")[-1]] = "/".join(found.groups()) if found else target.split("/")[-1]
        structs, others = {}, {}
        for kind, body in re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
            structs[kind] = body
        for kind, target in re.findall(r"^type (\w+) =? ?([\w.\[\]*]+)$", text, re.M):
            others[kind] = target
        packages[name] = (imports, structs, others)
    return packages[name]


def resolve(pkg, go):
    """A Go type as `[]core/v1.Container`, `map:quantity`, `*int`."""
    if go.startswith("*"):
        return "*" + resolve(pkg, go[1:])
    if go in LEAVES:
        return LEAVES[go]
    if go.startswith("[]"):
        return "[]" + resolve(pkg, go[2:])
    if go.startswith("map["):
        return "map:" + resolve(pkg, go[go.index("]") + 1:])
    imports, structs, others = package(pkg)
    if "." in go:
        alias, kind = go.split(".")
        target = imports.get(alias, alias)
        full = f"{target}.{kind}"
        if full in LEAVES:
            return LEAVES[full]
        return resolve(target, kind) if "/" in target else "string"
    full = f"{pkg}.{go}"
    if full in LEAVES:
        return LEAVES[full]
    if go in others:
        return resolve(pkg, others[go])
    return full if go in structs else "string"


def sentence(comment):
    text = " ".join(line for line in comment if not line.startswith("+") and not line.startswith("---"))
    text = re.sub(r"\s+", " ", text).strip()
    end = re.search(r"\.(?= [A-Z])|\.$", text)
    return text[: end.end() if end else 300][:300]


def fields(pkg, kind):
    comment = []
    for line in package(pkg)[1][kind].split("\n"):
        line = line.strip()
        if line.startswith("//"):
            comment.append(line[2:].strip())
            continue
        found = re.match(r"(?:(\w+) +)?([\w.\[\]*]+) +`json:\"([^\"]*)\".*protobuf:\"\w+,(\d+),", line)
        if found:
            _, go, tag, number = found.groups()
            name, _, options = tag.partition(",")
            inline = "inline" in options
            yield int(number), "~" if inline else name, resolve(pkg, go), sentence(comment)
        comment = []


def main():
    todo = [f"{pkg}.{kind}" for pkg, kinds in KINDS.items() for kind in kinds.split()]
    top, seen = list(todo), {}
    while todo:
        full = todo.pop(0)
        if full in seen:
            continue
        pkg, kind = full.rsplit(".", 1)
        seen[full] = list(fields(pkg, kind))
        for _, _, go, _ in seen[full]:
            bare = go.replace("[]", "").replace("map:", "").replace("*", "")
            if "/" in bare:
                todo.append(bare)
    print("# The fields of Kubernetes 1.36's own kinds: number in protobuf, name, type, what it is. Made by .ci/api-types.py")
    print("# from the Go types of the Kubernetes API, which are Copyright The Kubernetes Authors, Apache License 2.0.")
    for full in sorted(seen):
        print(f"\n{'=' if full in top else ':'} {full}")
        for number, name, go, said in seen[full]:
            print(f"{number} {name} {go} {said}".rstrip())


main()
