-- examples/cpgrun@.service, as systemd's own tools see it, where they are.
local tools = require "corosync.lab.tools"
local program = require "spec.helpers.program"

local ANALYZE = tools.find "systemd-analyze"
local MOST = 15 -- of 100, as `security --threshold` takes it

describe("the systemd unit", function()
  after_each(program.clean)
  teardown(program.remove)

  -- For one script, as systemd reads it: a program that is there, and a manual that is no page's.
  local function instance()
    local template = assert(io.open "examples/cpgrun@.service")
    local text = template:read "*a"
    template:close()
    text = text:gsub("ExecStart=%S+", "ExecStart=" .. assert(tools.find "true")):gsub("Documentation=[^\n]*\n", "")
    return program.file("cpgrun@counter.service", text)
  end

  local function on_systemd(what, check)
    it(what, function()
      if not ANALYZE then
        return pending "no systemd here"
      end
      check()
    end)
  end

  on_systemd("has no mistake", function()
    local code, out, errors = program.run(ANALYZE, "verify", instance())
    assert.same({ 0, "", "" }, { code, out, errors })
  end)

  on_systemd("is confined", function()
    local code, out, errors = program.run(ANALYZE, "security", "--offline=yes", "--no-pager",
      ("--threshold=%d"):format(MOST), instance())
    assert.equal(0, code, out .. errors)
  end)

  it("runs each script as a user of its own that can reach Corosync, and hears from it", function()
    local set = {}
    for each in io.lines "examples/cpgrun@.service" do
      local name, value = each:match "^(%u%w+)=(.*)$"
      if name then
        set[name] = value
      end
    end
    assert.same({ "yes", "cpgrun-%i", "cpgrun" }, { set.DynamicUser, set.User, set.Group })
    assert.equal("notify", set.Type)
    assert.is_true(tonumber(set.WatchdogSec) > 0)
    assert.matches("AF_UNIX", set.RestrictAddressFamilies)
    for _, name in ipairs { "PrivateNetwork", "TemporaryFileSystem", "InaccessiblePaths" } do
      assert.is_nil(set[name])
    end
  end)
end)
