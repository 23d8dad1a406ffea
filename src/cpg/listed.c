#include "cpg/cpg.h"

bool cpg_listed_is_join(uint32_t reason)
{
	return reason == CPG_REASON_JOIN || reason == CPG_REASON_NODEUP;
}

bool cpg_listed_is_leave(uint32_t reason)
{
	return reason == CPG_REASON_LEAVE || reason == CPG_REASON_NODEDOWN || reason == CPG_REASON_PROCDOWN;
}

listed_changes cpg_listed_changes(const config_event *ev, size_t before)
{
	size_t expected = ev->members_after > before ? ev->members_after - before : before - ev->members_after;
	size_t listed = ev->left + ev->joined;

	return (listed_changes){ev->addresses + ev->members, listed < expected ? listed : expected, expected};
}
