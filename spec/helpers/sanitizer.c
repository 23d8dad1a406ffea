/*
 * AddressSanitizer's options for processes that cannot read them from /proc/self/environ, as it does: between two of a
 * lab's namespaces there is none. Preloaded before it. Lost memory is valgrind's to find.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0:verify_asan_link_order=0";
}
