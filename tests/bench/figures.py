"""What make bench measures. In every round each sample of a part has its turn, a bare stop
before it; of all rounds a figure takes the least, and a row holds it beside the bare stop and
beside another figure."""
from statistics import median
from typing import NamedTuple

from measure import hogs
from peers import PEERS
from real import WORKS

# else min, as noise only ever adds, and beside the bare stop
OVER_ROUNDS = {"stalls": max, "fairness": median, "report": median, "lost": median}


class Limit(NamedTuple):
    on: str         # bare_stops, ratio, value, or extra_stops: how many more than what is beside
    bound: float
    at_least: bool = False

    def holds(self, figure):
        value = figure[self.on]
        return value >= self.bound if self.at_least else value <= self.bound


class Row(NamedTuple):
    name: str
    of: str                 # SAMPLE or SAMPLE.NUMBER, which is microseconds (us) if not said
    beside: str = None
    limit: Limit = None


class Part(NamedTuple):
    name: str
    samples: dict           # name: how (a method of Bench), arguments
    rows: list
    rounds: int = 1         # so many times as many, for ratios near 1
    meanwhile: object = None


def stops(bound):
    return Limit("bare_stops", bound)


def ratio(bound):
    return Limit("ratio", bound)


def churn(frames=8, of_stack=2048, more=""):
    return "{build}/bench/churn -n {pairs}" + f" -d {frames} -k {of_stack} {more}"


def traced(frames=8, of_stack=2048, more=""):
    return "traced", churn(frames, of_stack, more), None, frames


PAIR = churn()
PYTHON_SIZED = 20, 11264  # frames, bytes
PYTHON = "/usr/bin/python3 -I {bench}/pairs.py {pairs}"
CALLS = "{build}/bench/churn -c read -n {calls}"
GROWTH = "{build}/bench/churn -n {growth}"
THREADS = "{build}/bench/churn -s {seconds} -t "


def some_threads(count):
    return "traced", THREADS + str(count), 1


def real_samples():
    for work in WORKS:
        yield work, ("real_traced", work)
        yield f"native {work}", ("real", work)


def against(peer, limit=None):
    return Row(f"a pair, beside {peer}", "pair", peer, limit)


PARTS = [
    Part("pair", {
        "native": ("native", PAIR),
        "pair": traced(),
        "changed": traced(more="-x"),
        "python": traced(*PYTHON_SIZED),
        "changed python": traced(*PYTHON_SIZED, "-x"),
    }, [
        Row("malloc and free, 2 KB of stack", "pair", "native", stops(2.7)),
        Row("2 KB, all of it changed each time", "changed", "native"),
        Row("20 python3-sized frames, 11 KB", "python", "native", stops(3.2)),
        Row("11 KB, all of it changed each time", "changed python", "native"),
        Row("ring stalls, 2 KB of stack", "pair.stalls", None, Limit("value", 0)),
    ]),
    Part("calls", {
        "malloc": traced(more="-c malloc"),
        "free": traced(more="-c free"),
        "realloc": traced(more="-c realloc"),
        "native malloc": ("native", churn(more="-c malloc")),
        "native free": ("native", churn(more="-c free")),
        "native realloc": ("native", churn(more="-c realloc")),
    }, [Row(f"{call} only", call, f"native {call}") for call in ("malloc", "free", "realloc")]),
    Part("new", {
        "new": ("traced", "{build}/bench/newdelete -n {pairs}"),
    }, [
        Row("malloc and free in a C++ program", "new.malloc"),
        Row("new and delete, beside these", "new", "new.malloc", Limit("extra_stops", .1)),
    ]),
    Part("threads", {
        "1": traced(),
        "second": some_threads(1),
        "2": some_threads(2), "4": some_threads(4), "8": some_threads(8),
    }, [
        Row("malloc and free, 1 thread", "1"),
        Row("only a second thread, beside 1", "second", "1"),
        Row("2 threads, beside 1", "2", "1"),
        Row("4 threads, beside 1", "4", "1"),
        Row("8 threads, beside 1", "8", "1", ratio(1.1)),
        Row("fewest by most events of 8 threads", "8.fairness", None,
            Limit("value", .6, at_least=True)),
        Row("ring stalls, 8 threads", "8.stalls"),
    ]),
    Part("depth", {
        "5": traced(5), "20": traced(20), "60": traced(60),
        "python3": ("traced", PYTHON, None, 20),
        "native python3": ("native", PYTHON),
    }, [
        Row("5 frames deep, 2 KB of stack", "5"),
        Row("20 frames deep, beside 5", "20", "5"),
        Row("60 frames deep, beside 5", "60", "5"),
        Row("python3's own frames", "python3", "native python3"),
    ]),
    Part("attach", {
        "launched": traced(), "attached": ("attached", PAIR, None, 8),
    }, [
        Row("malloc and free, launched", "launched"),
        Row("attached, beside launched", "attached", "launched"),
    ]),
    Part("busy", {
        "native": ("native", PAIR), "pair": traced(),
    }, [
        Row("malloc and free on a busy host", "pair", "native"),
    ], meanwhile=hogs),
    Part("untouched", {
        "native": ("native", CALLS),
        "launched": ("traced", CALLS, 0),
        "attached": ("attached", CALLS, 0),
    }, [
        Row("read and write, launched", "launched", "native", ratio(1.05)),
        Row("read and write, attached", "attached", "native", ratio(1.05)),
        Row("launched, start and report too", "launched.whole", "native.whole"),
    ], rounds=2),
    Part("growth", {
        "native": ("native", GROWTH), "growth": ("traced", GROWTH, 0, 0, ["--growth"]),
    }, [
        Row("malloc and free under --growth", "growth", "native", ratio(1.02)),
        Row("start and report too", "growth.whole", "native.whole"),
    ], rounds=2),
    Part("dumps", {"dumped": ("dumped",)}, [
        Row("a dump of many blocks, ms", "dumped.report", None, Limit("value", 3000)),
        Row("what the program loses by it, ms", "dumped.lost", None, Limit("value", 50)),
    ]),
    Part("peers", {
        "pair": traced(),
        **{name: ("peer", name, PAIR) for name in PEERS},
    }, [
        against("ltrace on one CPU", ratio(1 / 7)),
        against("ltrace", ratio(1 / 15)),
        against("gdb", ratio(1 / 40)),
        against("gdb, two addresses"),
        against("memcheck"), against("massif"), against("dhat"), against("heaptrack"),
    ]),
    Part("real", dict(real_samples()),
         [Row(work, f"{work}.whole", f"native {work}.whole") for work in WORKS]),
]


def take(taken, reference):
    """A number over all rounds; taken: {sample: [{number: value} a round]}."""
    sample, _, key = reference.partition(".")
    key = key or "us"
    return OVER_ROUNDS.get(key, min)(numbers[key] for numbers in taken[sample])


def judge(part, row, taken):
    """The figure of a row; taken has the bare stop as `floor`."""
    figure, number = {"part": part, "name": row.name}, row.of.partition(".")[2]
    taken_of, floor = take(taken, row.of), take(taken, "floor")
    if number in OVER_ROUNDS:
        figure["value"] = taken_of
    else:
        figure |= {"us": taken_of, "bare_stop_us": floor}
    if "us" in figure and number != "whole":
        figure["bare_stops"] = taken_of / floor
    if row.beside:
        beside = take(taken, row.beside)
        figure |= {"beside": row.beside, "beside_us": beside, "ratio": taken_of / beside,
                   "extra_stops": (taken_of - beside) / floor}
    if row.limit:
        figure |= {"limit": row.limit.bound, "limit_on": row.limit.on,
                   "at_least": row.limit.at_least, "ok": row.limit.holds(figure)}
    return figure
