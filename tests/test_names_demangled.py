"""Symbols of C++ and Rust are shown as they were written."""

import os
import subprocess

import pytest

# Symbols that compilers made, and what their makers' tools show for them. A legacy
# Rust name ends in a hash, which says nothing to a reader; a v0 one in none.
NAMES = {
    "_ZN3web6server6listenEi": "web::server::listen(int)",
    "_ZNSt6vectorIiSaIiEE17_M_realloc_insertIJiEEEvN9__gnu_cxx17__normal_iteratorIPiS1_EEDpOT_":
        "void std::vector<int, std::allocator<int> >::_M_realloc_insert<int>("
        "__gnu_cxx::__normal_iterator<int*, std::vector<int, std::allocator<int> > >, int&&)",
    "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE": "core::fmt::Formatter::pad",
    "_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17hdeadbeef01234567E":
        "<alloc::string::String as core::fmt::Display>::fmt",
    "_ZN4main28_$u7b$$u7b$closure$u7d$$u7d$17h89abcdef01234567E": "main::{{closure}}",
    "_RNvC6_123foo3bar": "123foo::bar",
    "_RNvCs4fqI2P2rA04_11mycrate_two7example": "mycrate_two::example",
    "_RINvNtC3std3mem8align_ofjdE": "std::mem::align_of::<usize, f64>",
    "_RNCNvCsgStHSCytQ6I_7mycrate4main0B3_": "mycrate::main::{closure#0}",
    "_RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3new": "<std::path::PathBuf>::new",
    "_plainly": "_plainly",
    "_ZNot_mangled": "_ZNot_mangled",
    "_Rabble": "_Rabble",
}

FUNCTION = r"""
__attribute__((noinline)) void f%(n)d(int n) __asm__("%(symbol)s");
__attribute__((noinline)) void f%(n)d(int n) { kept[n] = malloc(1000 + n); }
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("named")
    source = "#include <stdlib.h>\nvoid *kept[%d];\n" % len(NAMES)
    for n, symbol in enumerate(NAMES):
        source += FUNCTION % {"n": n, "symbol": symbol}
    calls = "".join(f"f{n}({n});" for n in range(len(NAMES)))
    (folder / "named.c").write_text(source + "int main(void) { %s return 0; }\n" % calls)
    subprocess.run(["gcc", "-O1", "-fno-optimize-sibling-calls", str(folder / "named.c"), "-o",
                    str(folder / "named")], check=True)
    return str(folder / "named")


@pytest.mark.sanitized
def test_symbols(trace, program):
    run = trace(program)
    shown = {site["live_bytes"] - 1000: site["stack"][0]["function"]
             for site in run.report["sites"]}
    assert [shown[n] for n in range(len(NAMES))] == list(NAMES.values())


RUST = """
mod shelf {
    pub struct Box3<T> { pub items: Vec<T> }
    impl<T: Clone> Box3<T> {
        #[inline(never)]
        pub fn fill(value: T) -> Self { Box3 { items: vec![value; 3] } }
    }
}
fn main() {
    let kept = shelf::Box3::<[u8; 1000]>::fill([7; 1000]);
    std::mem::forget(std::hint::black_box(kept));
}
"""


@pytest.mark.parametrize("mangling, name", [
    ("v0", "<rusty::shelf::Box3<[u8; 1000]>>::fill"), ("legacy", "rusty::shelf::Box3<T>::fill")])
def test_a_rust_program(trace, installed, tmp_path, mangling, name):
    rustc = installed("rustc")
    source = tmp_path / "rusty.rs"
    source.write_text(RUST)
    built = subprocess.run([rustc, "-g", "-C", "opt-level=1", "-C",
                            f"symbol-mangling-version={mangling}", "-Z", "unstable-options",
                            str(source), "-o", str(tmp_path / "rusty")], check=False,
                           env={**os.environ, "RUSTC_BOOTSTRAP": "1"}, capture_output=True,
                           text=True)
    assert built.returncode == 0, built.stderr
    run = trace(str(tmp_path / "rusty"))
    site, = [site for site in run.report["sites"] if site["live_bytes"] == 3000]
    frames = [(frame["function"], frame["inlined"]) for frame in site["stack"]]
    assert (name, False) in frames
    at = frames.index((name, False))
    assert frames[at + 1] == ("rusty::main", False)
    assert all(inlined for _, inlined in frames[1:at]), "what vec! calls is inlined"
    assert [frame["file"] for frame in site["stack"][at:at + 2]] == [str(source)] * 2
    assert [frame["line"] for frame in site["stack"][at:at + 2]] == [6, 10]
