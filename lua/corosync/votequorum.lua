return require("corosync.binding").votequorum
