#include "ddl.h"

static void put_key(FILE *out, const struct relation *relation)
{
	const char *before = "";

	fputs(",\n\tPRIMARY KEY (", out);
	for (unsigned i = 0; i < relation->count; i++) {
		if (!relation->columns[i].key)
			continue;
		fprintf(out, "%s%s", before, relation->columns[i].name);
		before = ", ";
	}
	fputs(")", out);
}

static void put_column(FILE *out, const struct column *column, const char *integer,
                       bool references)
{
	fprintf(out, "\t%s %s", column->name, column->type == COLUMN_TEXT ? "TEXT" : integer);
	if (column->required)
		fputs(" NOT NULL", out);
	if (references && column->to != TRACE)
		fprintf(out, " REFERENCES %s (id)", relations[column->to].name);
}

void ddl_create(FILE *out, const struct relation *relation, const char *integer, bool references)
{
	fprintf(out, "CREATE TABLE %s (\n", relation->name);
	for (unsigned i = 0; i < relation->count; i++) {
		put_column(out, &relation->columns[i], integer, references);
		if (i + 1 < relation->count)
			fputs(",\n", out);
	}
	put_key(out, relation);
	fputs("\n);\n", out);
}

void ddl_columns(FILE *out, const struct relation *relation)
{
	for (unsigned i = 0; i < relation->count; i++)
		fprintf(out, "%s%s", i ? ", " : "", relation->columns[i].name);
}

void ddl_index(FILE *out, const struct index *index)
{
	const struct relation *on = &relations[index->on];

	fprintf(out, "CREATE INDEX %s_by_%s ON %s (", on->name,
	        on->columns[index->columns[0]].name, on->name);
	for (unsigned i = 0; i < index->count; i++)
		fprintf(out, "%s%s", i ? ", " : "", on->columns[index->columns[i]].name);
	fputs(");\n", out);
}

bool ddl_references(FILE *out, const struct relation *relation, unsigned column)
{
	const struct column *of = &relation->columns[column];

	if (of->to == TRACE)
		return false;
	fprintf(out, "ALTER TABLE %s ADD FOREIGN KEY (%s) REFERENCES %s (id);\n", relation->name,
	        of->name, relations[of->to].name);
	return true;
}
