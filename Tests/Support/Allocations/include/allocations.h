/* Counts what the process allocates: the test program's own malloc stands before the system's. */
#ifndef TP_TEST_ALLOCATIONS_H
#define TP_TEST_ALLOCATIONS_H

/* Allocations of all threads since the process began; -1 where a sanitizer has malloc. */
long test_allocation_count(void);

#endif
