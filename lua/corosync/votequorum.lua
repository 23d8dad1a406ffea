return require("corosync.core").votequorum
