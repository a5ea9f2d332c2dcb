"""Real programs and the work they are given: small, varied, and the same every
time. Used by test_real.py and compare-valgrind."""

import shutil
import subprocess

PYTHON = """
import json, decimal, threading
def work(n):
    return json.dumps([{"n": i, "root": str(decimal.Decimal(i).sqrt())} for i in range(n)])
thread = threading.Thread(target=work, args=(50,))
thread.start()
thread.join()
print(len(work(300)), len(json.loads(work(300))))
"""

PERL = r"""
use strict; use warnings;
my (%count, @lines);
for my $i (1 .. 2000) { my $w = "w" . ($i * 7919 % 501); $count{$w}++; push @lines, "$w:$i" }
my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
my $text = join ",", map { s/w/W/r } @sorted;
my @found = $text =~ /W(\d+5)\b/g;
eval { die { code => 7 } }; 
print scalar(@sorted), " ", scalar(@found), " ", length($text), " $@->{code}\n";
"""

SQL = """
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, value REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
INSERT INTO t SELECT i, 'name ' || (i * 7919 % 1000), i / 7.0 FROM n;
CREATE INDEX names ON t (name);
SELECT name, count(*), round(sum(value), 3) FROM t GROUP BY name ORDER BY 3 DESC LIMIT 5;
DELETE FROM t WHERE id % 3 = 0;
SELECT count(*), group_concat(name) FROM t WHERE id < 50;
"""

GAWK = """
BEGIN {
    for (i = 0; i < 1000; i++) { word = "w" (i * 7919 % 701); count[word]++; text = text " " word }
    n = split(text, parts)
    for (i = 1; i <= n; i++) if (match(parts[i], /w([0-9]+)7$/, m)) sum += m[1]
    PROCINFO["sorted_in"] = "@val_num_desc"
    for (word in count) { if (shown++ < 3) printf "%s %d\\n", word, count[word] }
    print n, sum, length(text), toupper(substr(text, 1, 20))
}
"""

# No process substitution: whether its end is remembered depends on when it comes.
BASH = r"""
declare -A seen
words=()
for ((i = 0; i < 60; i++)); do
    word="w$((i * 7919 % 53))"
    seen[$word]=$((${seen[$word]:-0} + 1))
    words+=("$word")
done
f() { local x=$1; [ "$x" -gt 0 ] && f $((x - 1)); return 0; }
f 20
total=0
for n in 1 2 3 4 5; do
    total=$((total + $(echo "${words[@]:0:n}" | wc -w)))
    (exit $n)
    total=$((total + $?))
done
while read -r line; do last=$line; done <<<"$(printf '%s\n' "${words[@]}")"
echo "${#seen[@]} $total $last ${words[*]//w/W}" | head -c 60
echo
"""

C_SOURCE = r"""
#include <stdio.h>
struct item { struct item *next; int value; char name[12]; };
static int weigh(const struct item *at) { int sum = 0; for (; at; at = at->next) sum += at->value * 3; return sum; }
static unsigned mix(unsigned x) { for (int i = 0; i < 8; i++) x = x & 1 ? (x >> 1) ^ 0xedb88320u : x >> 1; return x; }
int main(void)
{
	struct item items[10];
	for (int i = 0; i < 10; i++) {
		items[i].next = i ? &items[i - 1] : 0;
		items[i].value = (int)mix((unsigned)i) & 255;
		snprintf(items[i].name, sizeof(items[i].name), "n%d", i);
	}
	switch (weigh(&items[9]) % 5) { case 0: puts("a"); break; case 3: puts(items[3].name); break; default: puts("z"); }
	return 0;
}
"""

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PERL_HASH_SEED": "0",
    "PERL_PERTURB_KEYS": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_PAGER": "cat",
}

GIT_DATES = {"GIT_AUTHOR_DATE": "2020-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z"}


def written(path, text):
    path.write_text(text)
    return str(path)


def a_repository(folder, environment):
    repository = folder / "repository"
    repository.mkdir()

    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@b", *arguments],
                       cwd=repository, env={**environment, **GIT_DATES}, check=True,
                       capture_output=True)
    git("init", "-b", "main")
    for number in range(20):
        written(repository / f"file{number % 5}", f"line {number}\n" * (number + 1))
        git("add", ".")
        git("commit", "-m", f"change {number}")
    return str(repository)


def compiler_proper():
    if not shutil.which("gcc"):
        return None
    return subprocess.run(["gcc", "-print-prog-name=cc1"], text=True, check=True,
                          capture_output=True).stdout.strip()


def python(folder, environment):
    return ["/usr/bin/python3", "-c", PYTHON]


def perl(folder, environment):
    return ["/usr/bin/perl", "-e", PERL]


def git_log(folder, environment):
    return ["/usr/bin/git", "-C", a_repository(folder, environment), "log", "--stat", "-p"]


def sqlite(folder, environment):
    return ["/usr/bin/sqlite3", ":memory:", SQL]


def gawk(folder, environment):
    return ["/usr/bin/gawk", GAWK]


def bash(folder, environment):
    return ["/bin/bash", "-c", BASH]


def xz(folder, environment):
    text = written(folder / "text", "".join(f"{i * 7919 % 10007}\n" for i in range(60000)))
    return ["/usr/bin/xz", "-c", "-k", "-6", "-T1", text]


def cc1(folder, environment):
    return [compiler_proper(), "-quiet", "-imultiarch", "x86_64-linux-gnu", "-O2",
            written(folder / "small.c", C_SOURCE), "-o", str(folder / "small.s")]


def containers(folder, environment):
    return [environment["TARGETS"] + "/containers"]


# What must be installed for each, and its Debian package.
PROGRAMS = {
    python: ("python3", "python3"),
    perl: ("perl", "perl"),
    git_log: ("git", "git"),
    sqlite: ("sqlite3", "sqlite3"),
    gawk: ("gawk", "gawk"),
    bash: ("bash", "bash"),
    xz: ("xz", "xz-utils"),
    cc1: ("gcc", "gcc"),
    containers: ("true", "coreutils"),
}
