return require("corosync.binding").quorum
