/* For builds without a fuzzer: random inputs, the same ones for the same seed.   PROGRAM RUNS [SEED] */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	static uint8_t data[2048];
	uint64_t state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	long runs = argc > 1 ? strtol(argv[1], NULL, 10) : 1000, run;
	size_t size, i;

	for (run = 0; run < runs; run++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		size = (size_t)(state >> 33) % sizeof data;
		for (i = 0; i < size; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			data[i] = (uint8_t)(state >> 56);
		}
		(void)LLVMFuzzerTestOneInput(data, size);
	}
	(void)printf("%ld runs\n", runs);
	return EXIT_SUCCESS;
}
