/* A treap: a search tree by address that is at the same time a heap by random weights,
 * and so balanced. A range is cut out by splitting at its two ends, wherever these lie,
 * and merging what remains; all operations are made of these two.
 *
 * Splitting a mapping makes a node. Those that an operation may need, two at most for each
 * end of each range, are allocated before anything is changed. */
#include "vma.h"

#include <stdlib.h>

struct vma_node {
	struct vma vma;
	uint32_t weight;
	struct vma_node *left, *right;
};

/* ---- nodes in reserve ------------------------------------------------------------- */

#define RESERVE 8

static struct vma_node *spare; /* linked by right */
static size_t spares;

static bool reserve(void)
{
	while (spares < RESERVE) {
		struct vma_node *node = malloc(sizeof(*node));

		if (!node)
			return false;
		node->right = spare;
		spare = node;
		spares++;
	}
	return true;
}

static struct vma_node *take(const struct vma *vma)
{
	static uint32_t weight = 2463534242;
	struct vma_node *node = spare;

	spare = node->right;
	spares--;
	weight ^= weight << 13; /* xorshift32, Marsaglia 2003 */
	weight ^= weight >> 17;
	weight ^= weight << 5;
	*node = (struct vma_node){ .vma = *vma, .weight = weight };
	return node;
}

static void give_back(struct vma_node *node)
{
	if (spares >= RESERVE) {
		free(node);
		return;
	}
	node->right = spare;
	spare = node;
	spares++;
}

static void drop_tree(struct vma_node *node)
{
	if (!node)
		return;
	drop_tree(node->left);
	drop_tree(node->right);
	give_back(node);
}

/* ---- the treap ----------------------------------------------------------------------- */

/* All of left is below all of right. */
static struct vma_node *merge(struct vma_node *left, struct vma_node *right)
{
	if (!left || !right)
		return left ? left : right;
	if (left->weight > right->weight) {
		left->right = merge(left->right, right);
		return left;
	}
	right->left = merge(left, right->left);
	return right;
}

static struct vma_node *upper_part(struct vma_node *node, taddr_t addr)
{
	struct vma upper = node->vma;

	upper.offset += addr - upper.begin;
	upper.begin = addr;
	node->vma.end = addr;
	return take(&upper);
}

/* Into what is below addr and what is not. */
static void split(struct vma_node *node, taddr_t addr, struct vma_node **below,
                  struct vma_node **above)
{
	if (!node) {
		*below = *above = NULL;
	} else if (node->vma.begin >= addr) {
		split(node->left, addr, below, &node->left);
		*above = node;
	} else if (node->vma.end <= addr) {
		split(node->right, addr, &node->right, above);
		*below = node;
	} else {
		*above = merge(upper_part(node, addr), node->right);
		node->right = NULL;
		*below = node;
	}
}

struct cut { /* an address space in three */
	struct vma_node *below, *range, *above;
};

static struct cut cut(struct vmas *vmas, taddr_t begin, taddr_t end)
{
	struct cut parts;

	split(vmas->root, begin, &parts.below, &parts.range);
	split(parts.range, end, &parts.range, &parts.above);
	return parts;
}

/* ---- joining pieces -------------------------------------------------------------------- */

static bool continues(const struct vma *low, const struct vma *high)
{
	return low->end == high->begin && low->born == high->born && low->prot == high->prot &&
	       low->flags == high->flags &&
	       (!(low->flags & VMA_FILE) || low->offset + (low->end - low->begin) == high->offset);
}

static struct vma_node *last_of(struct vma_node *node)
{
	while (node && node->right)
		node = node->right;
	return node;
}

static struct vma_node *first_of(struct vma_node *node)
{
	while (node && node->left)
		node = node->left;
	return node;
}

/* As merge, and the two that meet become one when they are pieces of the same. */
static struct vma_node *join(struct vma_node *left, struct vma_node *right)
{
	struct vma_node *low = last_of(left), *high = first_of(right), *alone;

	if (!low || !high || !continues(&low->vma, &high->vma))
		return merge(left, right);
	low->vma.end = high->vma.end;
	split(right, high->vma.end, &alone, &right);
	drop_tree(alone);
	return merge(left, right);
}

static void rejoin(struct vmas *vmas, const struct cut *parts)
{
	vmas->root = join(join(parts->below, parts->range), parts->above);
}

/* ---- operations --------------------------------------------------------------------------- */

bool vmas_put(struct vmas *vmas, const struct vma *vma)
{
	struct cut parts;

	if (!reserve())
		return false;
	parts = cut(vmas, vma->begin, vma->end);
	drop_tree(parts.range);
	parts.range = take(vma);
	rejoin(vmas, &parts);
	return true;
}

bool vmas_drop(struct vmas *vmas, taddr_t begin, taddr_t end)
{
	struct cut parts;

	if (!reserve())
		return false;
	parts = cut(vmas, begin, end);
	drop_tree(parts.range);
	vmas->root = merge(parts.below, parts.above);
	return true;
}

/* In order; *mapped is the end of what is mapped without a hole so far. */
static void protect_tree(struct vma_node *node, uint8_t prot, taddr_t *mapped)
{
	if (!node)
		return;
	protect_tree(node->left, prot, mapped);
	if (node->vma.begin != *mapped)
		return;
	node->vma.prot = prot;
	*mapped = node->vma.end;
	protect_tree(node->right, prot, mapped);
}

/* The pieces of a range one after the other, joined. */
static struct vma_node *joined(struct vma_node *node)
{
	struct vma_node *left, *right;

	if (!node)
		return NULL;
	left = joined(node->left);
	right = joined(node->right);
	node->left = node->right = NULL;
	return join(join(left, node), right);
}

bool vmas_protect(struct vmas *vmas, taddr_t begin, taddr_t end, uint8_t prot)
{
	taddr_t mapped = begin;
	struct cut parts;

	if (!reserve())
		return false;
	parts = cut(vmas, begin, end);
	protect_tree(parts.range, prot, &mapped);
	parts.range = joined(parts.range);
	rejoin(vmas, &parts);
	return true;
}

static void shift(struct vma_node *node, taddr_t by)
{
	if (!node)
		return;
	node->vma.begin += by;
	node->vma.end += by;
	shift(node->left, by);
	shift(node->right, by);
}

bool vmas_move(struct vmas *vmas, taddr_t from, uint64_t len, taddr_t to)
{
	struct vma_node *moved;
	struct cut parts;

	if (!reserve())
		return false;
	parts = cut(vmas, from, from + len);
	moved = parts.range;
	vmas->root = merge(parts.below, parts.above);
	shift(moved, to - from);
	parts = cut(vmas, to, to + len);
	drop_tree(parts.range);
	parts.range = moved;
	rejoin(vmas, &parts);
	return true;
}

bool vmas_copy(struct vmas *vmas, const struct vmas *from)
{
	const struct vma *vma;

	for (taddr_t at = 0; (vma = vmas_next(from, at)); at = vma->end)
		if (!vmas_put(vmas, vma))
			return false;
	return true;
}

void vmas_clear(struct vmas *vmas)
{
	drop_tree(vmas->root);
	vmas->root = NULL;
	while (spare) {
		struct vma_node *node = spare;

		spare = node->right;
		free(node);
	}
	spares = 0;
}

/* ---- asking -------------------------------------------------------------------------------- */

struct vma *vmas_next(const struct vmas *vmas, taddr_t addr)
{
	struct vma_node *node = vmas->root, *found = NULL;

	while (node) {
		bool ends_above = node->vma.end > addr;

		if (ends_above)
			found = node;
		node = ends_above ? node->left : node->right;
	}
	return found ? &found->vma : NULL;
}

const struct vma *vmas_at(const struct vmas *vmas, taddr_t addr)
{
	const struct vma *vma = vmas_next(vmas, addr);

	return vma && vma->begin <= addr ? vma : NULL;
}

struct vma vma_again(const struct vma *of, const struct vma *by, taddr_t at, taddr_t begin,
                     uint64_t len)
{
	struct vma vma = *by;

	vma.begin = begin;
	vma.end = begin + len;
	vma.prot = of->prot;
	vma.flags = of->flags;
	vma.inode = of->inode;
	vma.dev = of->dev;
	vma.offset = of->offset + (at - of->begin);
	return vma;
}
