/* A second object: names of the first, and a common symbol of both. */
extern int next(void);
extern int shared[4];
int common_of_both;
__attribute__((weak)) int optional(int x);
int next_and_shared(void) { return next() + shared[1]; }
int optional_or_seven(int x) { return optional ? optional(x) : 7; }
