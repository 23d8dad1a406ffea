local ordinary = require "spec.helpers.ordinary_user"
local program = require "spec.helpers.program"

local cpgrun = program.cpgrun

local file, complaint = program.file, program.complaint

describe("cpgrun --user", function()
  after_each(program.clean)
  teardown(program.remove)

  local WHO = [[
    local HOME, USER = os.getenv "HOME", os.getenv "USER"
    print(HOME, USER, os.getenv "LOGNAME" == USER)
    print("loaded as", require("luv").getuid(), (io.open("/proc/self/status"):read "*a"):match "Groups:\t(%d*)")
    function config_change() end
    function started() print("started as", require("luv").getuid()) require("corosync").loop.stop() end]]

  it("runs the script as that user with connections opened as root", function()
    if #ordinary.prefix == 0 then
      pending "no other user exists in this namespace"
      return
    end
    local it = cpgrun("who", WHO, "--user", "nobody")
    assert.same({ 0, 0 }, { it:wait(60) }, table.concat(it.errors, "\n"))
    assert.same({ "/nonexistent\tnobody\ttrue", "loaded as\t65534\t65534", "started as\t65534" }, it.lines)
  end)

  it("lets the script use Corosync", function()
    if #ordinary.prefix == 0 then
      pending "no other user exists in this namespace"
      return
    end
    local it = cpgrun("asks", [[
      function view_change(view)
        print(#view.members, view.quorate, group:is_quorate(), (group:cmap_get "totem.version"))
        require("corosync").loop.stop()
      end]], "--user", "nobody")
    assert.same({ 0, 0 }, { it:wait(60) }, table.concat(it.errors, "\n"))
    assert.same({ "1\ttrue\ttrue\t2" }, it.lines)
    it = cpgrun("asks_late", [[
      function config_change() end
      function started()
        require("luv").new_timer():start(0, 10, function()
          local view, message, code = group:view() -- the ring may come after the join
          if view or code ~= "try_again" then
            print(view and #view.members or message)
            require("corosync").loop.stop()
          end
        end)
      end]], "--user", "nobody")
    assert.same({ 0, 0 }, { it:wait(60) }, table.concat(it.errors, "\n"))
    assert.same({ "1" }, it.lines)
  end)

  it("fails for an unknown user or without root", function()
    local it = cpgrun("nowho", WHO, "--user", "no such user")
    assert.same({ 1, 0 }, { it:wait(60) })
    complaint(it, "error: cannot become the user 'no such user': there is no such user")
    it = program.start("setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-setuid,-setgid", "cpgrun", "--user",
      "nobody", file("nowho.lua", WHO))
    assert.same({ 1, 0 }, { it:wait(60) })
    complaint(it, "error: cannot become the user 'nobody': only root may do that")
    assert.same({}, it.lines)
  end)
end)
