local lab = require "corosync.lab"
local lab_scripts = require "spec.helpers.lab_scripts"
local requirements = require "corosync.lab.requirements"

local start_script = lab_scripts.start_script

describe("the lab's machine check #slow", function()
  it("passes on this machine", function()
    assert.is_true(lab.check())
  end)

  it("names the setting that forbids namespaces and how to change it", function()
    local child = start_script("print(select(2, lab.check()))", { "unshare", "-Ur", "sh", "-c",
      'echo 0 >/proc/sys/user/max_net_namespaces; exec "$@"', "sh" })
    assert.equal(0, child:wait(60))
    assert.matches("^namespaces cannot be created: unshare: .*no net namespaces are allowed "
      .. "%(as root: sysctl user.max_net_namespaces=10000%)", child.lines[1])
  end)

  it("reports the error when no setting explains it", function()
    local function why(...)
      local child = start_script("print(select(2, lab.check()))", { ... })
      assert.equal(0, child:wait(60))
      return child.lines[1]
    end
    assert.matches("^cannot start .*: too many open files %(this process has too many descriptors open: raise ulimit "
      .. "%-n%)", why("prlimit", "--nofile=12"))
    assert.matches("^namespaces cannot be created: unshare: .*: /proc cannot be mounted, .*systempaths=unconfined",
      why("unshare", "-Urmpf", "--mount-proc", "sh", "-c",
        'mount -t tmpfs tmpfs /proc/sys; exec setpriv --inh-caps=-all --bounding-set=-sys_admin "$@"', "sh"))
    local seen = {}
    for _, said in ipairs { "unshare: mount /proc failed: Operation not permitted", "unshare failed: Invalid argument",
      "unshare failed: Operation not permitted", "unshare failed: No space left on device", "x",
      "fork failed: Resource temporarily unavailable", "fork failed: Cannot allocate memory" } do
      assert.is_nil(seen[requirements.cause(said)])
      seen[requirements.cause(said)] = true
    end
  end)

  it("knows the settings", function()
    local function why(files, privileged, root)
      return requirements.diagnose(privileged, root, function(path) return files[path] end)
    end
    assert.is_nil(why({}, false, false))
    assert.matches("sysctl kernel.unprivileged_userns_clone=1",
      why({ ["/proc/sys/kernel/unprivileged_userns_clone"] = "0\n" }, false, false))
    local apparmor = { ["/proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1" }
    assert.matches("AppArmor", why(apparmor, false, false))
    assert.matches("user.max_user_namespaces", why({ ["/proc/sys/user/max_user_namespaces"] = "0" }, false, false))
    assert.is_nil(why({ ["/proc/sys/user/max_user_namespaces"] = "0" }, true, true))
    assert.matches("container", why({}, false, true))
  end)

  it("names missing tools", function()
    local child = start_script [[
      require("corosync.lab.tools").find = function(name) return name ~= "corosync" and name or nil end
      print(select(2, lab.check()))]]
    assert.equal(0, child:wait(60))
    assert.equal("missing programs: corosync (install corosync)\ttools", child.lines[1])
  end)
end)
