/* What a fuzz target gives to fuzz_main.c. The same target links with libFuzzer instead:
 * clang -fsanitize=fuzzer,address,undefined TARGET.c and its libraries. */
#ifndef FLEETMEND_FUZZ_H
#define FLEETMEND_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const char fuzz_name[];
extern const char *const fuzz_tokens[]; /* spliced in: what the target looks for */
extern const size_t fuzz_token_count;
extern const bool fuzz_widen; /* also try the input as UTF-16 */

#endif
