"""Real programs and their work, as much of it as asked for: 50,000 is the whole."""
import subprocess

WHOLE = 50000
ITEM = """
struct item{n} {{ struct item{n} *next; int value; char name[{n} % 50 + 8]; }};
int weigh{n}(const struct item{n} *at)
{{
	int sum = {n};

	for (; at; at = at->next)
		if (at->value > sum)
			sum += at->value * {n};
		else
			sum ^= at->name[sum & 7];
	return sum;
}}
"""


def share(most, amount):
    return max(most * amount // WHOLE, 10)


def python(folder, amount):
    return ["/usr/bin/python3", "-c", "pass"]


def sqlite(folder, amount):
    rows = share(100000, amount)
    with open(f"{folder}/rows.csv", "w", encoding="utf-8") as file:
        file.writelines(f"{i},name {i * 7919 % 1000},{i / 7}\n" for i in range(rows))
    return ["sqlite3", ":memory:", "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, value REAL)",
            f".import --csv {folder}/rows.csv t"]


def commit(number):
    """One for git fast-import."""
    text = f"line {number}\n" * 20
    return (f"commit refs/heads/main\ncommitter A <a@b> {1500000000 + number} +0000\n"
            f"data <<END\nchange {number}\nEND\n"
            f"M 100644 inline folder{number % 20}/file{number % 500}\n"
            f"data {len(text)}\n{text}\n")


def git(folder, amount):
    commits = "".join(commit(number) for number in range(share(20000, amount)))
    subprocess.run(["git", "init", "-q", "--bare", folder], check=True)
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"], input=commits, text=True,
                   check=True)
    return ["git", "-C", folder, "log", "main"]


def cc1(folder, amount):
    proper = subprocess.run(["gcc", "-print-prog-name=cc1"], text=True, check=True,
                            stdout=subprocess.PIPE).stdout.strip()
    with open(f"{folder}/large.c", "w", encoding="utf-8") as file:
        file.writelines(ITEM.format(n=n) for n in range(share(200, amount)))
    return [proper, "-quiet", "-O1", f"{folder}/large.c", "-o", "/dev/null"]


WORKS = {  # what must be installed; what makes the work and says the command
    "python3 starting up": ("/usr/bin/python3", python),
    "sqlite3 loading 100,000 rows": ("sqlite3", sqlite),
    "git log of 20,000 commits": ("git", git),
    "cc1 on 200 functions": ("gcc", cc1),
}
