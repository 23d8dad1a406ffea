/* Preloaded, lets Corosync refuse to track, as it does while the membership changes. */
#include <corosync/cfg.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>

cs_error_t quorum_trackstart(quorum_handle_t id, unsigned int flags)
{
	(void)id;
	(void)flags;
	return CS_ERR_TRY_AGAIN;
}

cs_error_t votequorum_trackstart(votequorum_handle_t id, uint64_t context, unsigned int flags)
{
	(void)id;
	(void)context;
	(void)flags;
	return CS_ERR_TRY_AGAIN;
}

cs_error_t corosync_cfg_trackstart(corosync_cfg_handle_t id, uint8_t flags)
{
	(void)id;
	(void)flags;
	return CS_ERR_TRY_AGAIN;
}
