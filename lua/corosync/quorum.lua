return require("corosync.core").quorum
