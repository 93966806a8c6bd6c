/* Linked lists and trees in static memory, pointer arithmetic, negative indices, restrict, volatile. */
#include "start.h"
struct node { struct node *left, *right; int key; };
static struct node pool[40];
static int used;
NOINLINE static struct node *insert(struct node *at, int key) {
  if (!at) { struct node *n = &pool[used++]; n->key = key; return n; }
  if (key < at->key) at->left = insert(at->left, key); else at->right = insert(at->right, key);
  return at;
}
NOINLINE static unsigned walk(const struct node *at, unsigned depth) { return at ? walk(at->left, depth + 1) * 3 + (unsigned)at->key * depth + walk(at->right, depth + 1) : 1; }
static int grid[8][8];
NOINLINE static void fill(int (*g)[8], int *restrict end) { for (int *p = &g[0][0]; p != end; p++) *p = (int)(p - &g[0][0]) * 3; }
int body(void) {
  struct node *root = 0;
  for (int i = 0; i < 30; i++) root = insert(root, (i * 17) % 31);
  fill(grid, &grid[8][0]);
  int *middle = &grid[4][4];
  return fold(walk(root, 1) + (unsigned)(middle[-9] + middle[9] + (int)(middle - grid[0])));
}
