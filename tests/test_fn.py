"""Functions that the user names as allocators: --fn."""

import re
import subprocess

import pytest

from attaching import assert_untouched
from processes import base_of

pytestmark = pytest.mark.sanitized


def symbols_of(program):
    """Name -> address in the file."""
    listed = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    return {line.split()[2]: int(line.split()[0], 16) for line in listed.splitlines()
            if len(line.split()) == 3}


def options_of(*specs):
    return [word for spec in specs for word in ("--fn", spec)]


@pytest.fixture
def traced(trace, target):
    """traced(specs...): the report of `pools`, whose own calls are the specs' business only."""
    def run(*specs, program="pools"):
        run = trace(target(program), options=options_of(*specs))
        assert (run.status, run.err) == (0, "")
        run.report.assert_consistent()
        run.report.assert_unblemished()
        return run.report
    return run


def counts_of(report, name):
    counts = report["functions"][name]
    return counts["calls"], counts.get("bytes", counts.get("null"))


# spec -> (calls, bytes), or of a free (calls, how many of NULL); then what lives of it
KINDS = {
    "alloc:pool_clear(count=1,size=3)": (1, 77),
    "realloc:pool_resize(ptr=2,size=3)": (2, 50),
    "alloc:node_new(bytes=64)": (28, 28 * 64),
    "alloc:store_block(size=5,out=6)": (2, 777),
    "alloc:wrap_malloc": (10, 500),
    "free:wrap_free": (6, 0),
    "alloc:slab_get(beside)": (10, 320),
    "alloc:jump_on(size=1)": (6, 15 + 40),
    "alloc:pools!jump_on(size=1)": (6, 15 + 40),
    "alloc:*/pools!wrap_malloc(size=1)": (10, 500),
}


BLOCKS_FROM = {
    "realloc:pool_resize(ptr=2,size=3)": ["alloc:pool_clear(count=1,size=3)"],
    "free:wrap_free": ["alloc:wrap_malloc"],
}


@pytest.mark.parametrize("spec", KINDS)
def test_each_kind_of_function_is_counted(traced, spec):
    report = traced(spec, *BLOCKS_FROM.get(spec, []))
    name = re.match(r"\w+:(?:.*!)?(\w+)", spec)[1]
    assert counts_of(report, name) == KINDS[spec]


def test_a_pool_and_what_lives_in_it(traced):
    report = traced("alloc:pool_get(size=2)", "free:pool_put(ptr=2)")
    assert report["functions"]["pool_put"]["calls"] == 7
    site, = [site for site in report.sites_through("main")
             if site["function"] == "pool_get" and site["allocs"] == 10]
    assert (site["frees"], site["live_blocks"], site["live_bytes"]) == (4, 6, 104 * 6 + 15)


def test_a_wrapper_is_what_it_wraps(traced):
    """One call is one event: malloc's that the wrapper makes is none."""
    report = traced("alloc:wrap_malloc(size=1)", "free:wrap_free(ptr=1)")
    site, = [site for site in report["sites"] if site["function"] == "wrap_malloc"]
    assert (site["allocs"], site["frees"], site["live_bytes"]) == (10, 6, 200)
    plain = traced("alloc:pool_get(size=2)")
    assert report["functions"]["malloc"]["calls"] == plain["functions"]["malloc"]["calls"] - 10
    assert report["functions"]["free"]["calls"] == plain["functions"]["free"]["calls"] - 6


def test_beside_counts_what_is_called_too(traced):
    """The slab and its first slice have one address."""
    report = traced("alloc:slab_get(beside)", "free:slab_put(ptr=1,beside)")
    site, = [site for site in report["sites"] if site["function"] == "slab_get"]
    assert (site["allocs"], site["frees"], site["live_bytes"]) == (10, 1, 9 * 32)
    slab, = [site for site in report.sites_through("slab_get") if site["function"] == "malloc"]
    assert (slab["allocs"], slab["frees"]) == (1, 1)


def test_a_chain_is_freed_block_by_block(traced):
    report = traced("alloc:node_new(bytes=64)", "free:node_free_all(ptr=1,chain=0)")
    assert counts_of(report, "node_free_all") == (26, 1)
    live = [site["live_blocks"] for site in report["sites"] if site["function"] == "node_new"]
    assert sum(live) == 3


def test_what_is_referenced_lives_until_the_last_is_gone(traced):
    report = traced("alloc:object_new(bytes=0,beside)", "ref:object_ref", "unref:object_unref")
    assert counts_of(report, "object_new") == (4, 0)
    assert counts_of(report, "object_ref") == (6, 0)
    assert counts_of(report, "object_unref") == (8, 0)
    sites = [site for site in report["sites"] if site["function"] == "object_new"]
    assert sum(site["frees"] for site in sites) == 2
    assert sum(site["live_blocks"] for site in sites) == 2
    # its memory is malloc's, all the same
    assert [(site["allocs"], site["frees"]) for site in report.sites_through("object_new")
            if site["function"] == "malloc"] == [(4, 2)]


def test_its_ends_are_seen_where_it_returns_to(traced):
    """Where jump_on jumps to is known at run time, and what follows one call of it moves the
    result to a register that no trap is emulated for."""
    report = traced("alloc:jump_on(size=1)", "free:pool_put(ptr=2)", "alloc:pool_get(size=2)")
    stacks = report.stacks_through("as_double")
    assert ["as_double", "main"] in [stack[:2] for stack in stacks]
    assert report["functions"]["pool_put"]["calls"] == 7


def test_by_place(traced, target):
    at = symbols_of(target("pools"))["wrap_malloc"]
    report = traced(f"alloc:pools+{at:#x}(size=1)")
    assert counts_of(report, f"pools+{at:#x}") == (10, 500)


@pytest.mark.parametrize("by", ["name", "address"])
def test_of_a_program_that_runs(attach, start_plainly, target, by):
    live = start_plainly(target("pools"), "wait")
    pid = live.await_ready()
    at = base_of(pid, target("pools")) + symbols_of(target("pools"))["wrap_malloc"]
    where = "wrap_malloc" if by == "name" else f"{at:#x}"
    attached = attach(pid, "--fn", f"alloc:{where}(size=1)")
    attached.dump()
    assert live.finish("\n").status == 0
    run = attached.finish()
    assert (run.status, run.err) == (0, "")
    assert counts_of(run.report, where) == (10, 500)


# ---- names of C++ --------------------------------------------------------------------------

CXX = {
    "alloc:pool::Arena::get(unsigned long)(size=2)": (5 + 3 + 1 + 1, 10 * 5 + 10 + 60 + 33 + 16),
    "alloc:pool::Arena::get( unsigned long,int )(size=2)": (3, 60),
    "alloc:pool::Arena::operator()(size=2)": (1, 33),
    "alloc:pool::make<int>(bytes=16)": (1, 16),
    "alloc:_ZN4pool5Arena3getEmi(size=2)": (3, 60),
}


@pytest.mark.parametrize("spec", CXX)
def test_names_as_people_write_them(traced, spec):
    report = traced(spec, program="pools_cxx")
    name = re.fullmatch(r"alloc:(.*)\([^()]*=[^()]*\)", spec)[1]
    assert counts_of(report, name) == CXX[spec]


# ---- sets ----------------------------------------------------------------------------------


def test_a_set_from_a_file(traced, tmp_path):
    (tmp_path / "mine").write_text("# of the tests\n\nalloc:wrap_malloc(size=1)  # all of them\n"
                                   "  free:wrap_free\nalloc:not_there(size=1)\n")
    report = traced(f"@{tmp_path}/mine")
    assert counts_of(report, "wrap_malloc") == (10, 500)
    assert counts_of(report, "wrap_free") == (6, 0)


READY = {
    "openssl": (["openssl", "dgst", "-sha256", "/etc/passwd"], "CRYPTO_malloc", "CRYPTO_free"),
    "glib": (["gio", "info", "/etc/passwd"], "g_slice_alloc", "g_slice_free_chain_with_offset"),
    "apr": (["svnadmin", "create", "repository"], "apr_pool_create_ex", "apr_pool_destroy"),
}


@pytest.mark.parametrize("name", READY)
def test_ready_sets_on_programs_that_use_them(trace, installed, name):
    words, alloc, free = READY[name]
    package = {"gio": "libglib2.0-bin", "svnadmin": "subversion"}.get(words[0])
    run = trace(installed(words[0], package), *words[1:], options=["--fn", f"@{name}"])
    assert (run.status, run.err) == (0, "")
    run.report.assert_consistent()
    run.report.assert_unblemished()
    assert run.report["functions"][alloc]["calls"] and run.report["functions"][free]["calls"]


def test_every_pool_of_apr_is_destroyed(trace, installed):
    run = trace(installed("svnadmin", "subversion"), "create", "repository",
                options=["--fn", "@apr"])
    pools = [site for site in run.report["sites"] if site["function"] == "apr_pool_create_ex"]
    assert sum(site["allocs"] for site in pools) > 0
    assert sum(site["live_blocks"] for site in pools) == 0


# ---- bad input -----------------------------------------------------------------------------

BAD = {
    "pool_get": "it begins with alloc:, realloc:, free:, ref: or unref:",
    "alloc:": "it names no function",
    "alloc:!x": "it names no function",
    "alloc:x(size=0)": "a function's arguments are numbered from 1 to 6",
    "alloc:x(size=7)": "a function's arguments are numbered from 1 to 6",
    "alloc:x(size=two)": "what stands behind = is no number",
    "alloc:x(bytes=99999999999999999999)": "what stands behind = is no number",
    "alloc:x(bytes=-1)": "what stands behind = is no number",
    "alloc:x(size=1,size=2)": "an argument is given twice",
    "alloc:x(size=1,bytes=2)": "bytes stands for size and count",
    "alloc:x(size=1": "its brackets do not close",
    "alloc:x(size=1,)": "in its brackets stand",
    "alloc:x(what=1)": "in its brackets stand",
    "alloc:x(beside=1)": "in its brackets stand",
    "alloc:x(ptr=1)": "an alloc has size",
    "free:x(size=1)": "an alloc has size",
    "free:x(ptr=1,next=2,chain=8)": "next and chain are the same thing",
    "free:x(chain=40000)": "a chain's next address is at most 32767 bytes",
    "@no-such-set": "no such set, nor a file",
}


@pytest.mark.parametrize("spec", BAD)
def test_nonsense_is_refused_before_anything_runs(run_plainly, alloctrace, spec):
    run = run_plainly(alloctrace, "--fn", spec, "--", "/bin/echo", "ran")
    assert (run.status, run.out) == (2, "")
    assert run.err.startswith(f"alloctrace: --fn {spec}: {BAD[spec]}") and run.err.count("\n") == 1


def test_a_file_is_refused_by_its_line(run_plainly, alloctrace, tmp_path):
    (tmp_path / "bad").write_text("# fine\nalloc:x\nfree y\n")
    run = run_plainly(alloctrace, "--fn", f"@{tmp_path}/bad", "--", "/bin/true")
    assert run.status == 2
    assert run.err.startswith(f"alloctrace: --fn @{tmp_path}/bad:3: free y: it begins with")


def misnamed(target):
    symbols = symbols_of(target("pools"))
    return {
        "alloc:no_such_function": "no function of that name is in the program",
        "alloc:libm.so*!pool_get": "no function of that name is in the program",
        "alloc:a_variable": "it is data, not a function",
        f"alloc:pools+{symbols['pool_get'] + 1:#x}":
            "a function is there already, which begins before",
        f"alloc:pools+{symbols['a_variable']:#x}": "there is no code",
        "alloc:0x10": "no code of the program is there",
    }


SIX = range(6)


@pytest.mark.parametrize("number", SIX)
def test_what_names_no_function_is_told(trace, target, number):
    bad = misnamed(target)
    assert len(bad) == len(SIX)
    spec = list(bad)[number]
    run = trace(target("pools"), options=options_of(spec, "alloc:wrap_malloc"))
    assert run.status == 0
    assert run.err == f"alloctrace: --fn {spec}: not traced: {bad[spec]}\n"
    assert counts_of(run.report, "wrap_malloc") == (10, 500)


@pytest.mark.parametrize("number", SIX)
def test_attaching_plants_nothing_then(attach, start_plainly, target, number):
    bad = misnamed(target)
    spec = list(bad)[number]
    live = start_plainly(target("pools"), "wait")
    pid = live.await_ready()
    run = attach(pid, "--fn", spec, "--fn", "alloc:wrap_malloc").finish()
    assert (run.status, run.report) == (125, None)
    assert run.err == f"alloctrace: --fn {spec}: not traced: {bad[spec]}\n"
    assert_untouched(pid)
    assert live.finish("\n").status == 0


def test_a_name_of_two_functions_is_refused(trace, target):
    run = trace(target("pools_cxx"), options=options_of("alloc:pool::Arena::get(size=2)"))
    assert run.status == 0
    assert re.fullmatch(r"alloctrace: --fn alloc:pool::Arena::get\(size=2\): not traced: "
                        r".*/pools_cxx has two functions of that name, at 0x[0-9a-f]+ and "
                        r"0x[0-9a-f]+: name one with its parameters or as MODULE\+0xOFFSET\n",
                        run.err)
    assert "pool::Arena::get" not in run.report["functions"]


def test_one_function_is_named_once(trace, target):
    run = trace(target("pools"), options=options_of("alloc:wrap_malloc", "free:wrap_malloc"))
    assert run.err == ("alloctrace: --fn free:wrap_malloc: not traced: another --fn is of the "
                       "same function\n")


def test_a_set_without_any_function_there_is_told(trace, target):
    run = trace(target("pools"), options=["--fn", "@cpython"])
    assert run.status == 0
    assert run.err == "alloctrace: --fn @cpython: none of its functions is in the program\n"
