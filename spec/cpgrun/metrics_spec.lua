-- --metrics and --metrics-file of a running script.
local client = require "spec.helpers.http_client"
local exposition = require "spec.helpers.exposition"
local program = require "spec.helpers.program"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local complaint, cpgrun, file, line = program.complaint, program.cpgrun, program.file, program.line

local function port_of(it)
  return tonumber(complaint(it, "info: metrics are at http://127.0.0.1:(%d+)/metrics$"))
end

local function scrape(port)
  local status, body, head = client.get(port, "/metrics")
  assert.equal(200, status)
  assert.matches("\r\nContent%-Type: text/plain; version=0%.0%.4; charset=utf%-8\r\n", head)
  return exposition.parse(body)
end

local SHOP = [[
  local orders = metrics.counter("shop_orders_total", "Orders.", { "kind" })
  local map, lock = map "goods", lock "door"
  function config_change() end
  local received = 0
  function message_received(_, kind)
    received = received + 1
    orders:inc(1, { kind = kind })
    if kind == "bad" then error "no such goods" end
  end
  function started()
    for _, kind in ipairs { "book", "book", "pen", "bad" } do assert(group:send_message(kind)) end
    assert(not group:send_message(("x"):rep(2000000)))
    after(0, function()
      assert(map:set("book", 1))
      assert(lock:acquire())
      assert(not lock:acquire())
      local status = require "cpgrun.status"
      repeat sleep(0.01) until received == 4 and status.snapshot().quorum.known
      print "ready"
    end)
  end]]

-- For node_exporter, which has metrics of its own process.
local function check_file(path)
  local text = assert(io.open(path)):read "*a"
  local all = exposition.parse(text)
  assert.equal(1, exposition.value(all, "cpgrun_build_info", { script = "shop" }))
  assert.is_nil(all.process_open_fds)
  for _, family in pairs(all) do
    for _, sample in ipairs(family.samples) do
      assert.equal("shop", sample.labels.script)
    end
  end
end

describe("cpgrun --metrics", function()
  after_each(program.clean)
  teardown(program.remove)

  it("serves, and writes to a file, what groups, replicas, the process and the script count", function()
    local path = file "shop.prom"
    local it = cpgrun("shop", SHOP, "--metrics", "127.0.0.1:0", "--metrics-file", path, "--memory-limit", "100M")
    line(it, "^ready$")
    local all = scrape(port_of(it))
    local function value(name, labels) return exposition.value(all, name, labels) end
    assert.equal(4, value("cpgrun_messages_sent_total", { group = "shop", script = "shop" }))
    assert.equal(4, value("cpgrun_messages_received_total", { group = "shop" }))
    assert.equal(#"bookbookpenbad", value("cpgrun_received_bytes_total", { group = "shop" }))
    assert.equal(1, value("cpgrun_send_failures_total", { group = "shop", code = "too_big" }))
    assert.equal(4, value("cpgrun_message_handler_duration_seconds_count", { group = "shop" }))
    assert.equal(100 * 2 ^ 20, value "cpgrun_lua_memory_limit_bytes")
    assert.equal(1, value("cpgrun_handler_errors_total"))
    assert.equal(1, value("cpgrun_group_joined", { group = "shop" }))
    assert.equal(1, value("cpgrun_group_members", { group = "shop" }))
    assert.equal(1, value("cpgrun_config_changes_total", { group = "shop" }))
    assert.equal(1, value "cpgrun_quorate")
    assert.equal(1, value("cpgrun_replica_serving", { replica = "shop" }))
    assert.equal(1, value("cpgrun_replica_map_keys", { replica = "shop", map = "goods" }))
    assert.is_true(value("cpgrun_replica_commands_applied_total", { replica = "shop", machine = "corosync" }) >= 2)
    assert.equal(1, value("cpgrun_replica_locks_held", { replica = "shop" }))
    assert.equal(1, value("cpgrun_replica_failures_total", { replica = "shop", code = "held" }))
    assert.is_true(value("cpgrun_replica_command_duration_seconds_count", { replica = "shop" }) >= 2)
    assert.equal(2, value("shop_orders_total", { kind = "book", script = "shop" }))
    assert.equal(1, value "cpgrun_build_info")
    assert.is_true(value "process_cpu_seconds_total" > 0)
    assert.is_true(math.abs(value "process_start_time_seconds" - os.time()) < 600)
    assert.is_true(value "process_open_fds" > 5)
    check_file(path)
    local idle = client.connect(port_of(it))
    it:kill "sigterm"
    program.ended(it, 0)
    idle:close()
    assert.is_nil((uv.fs_stat(path)))
  end)

  it("keeps the port and the script's values when the script is reloaded", function()
    local it = cpgrun("again", [[
      metrics.counter("loads_total", "Loads."):inc()
      function config_change() end
      function after_reload() print "reloaded" end
      function started() print "up" end]], "--metrics", "0")
    line(it, "^up$")
    it:kill "sighup"
    line(it, "^reloaded$")
    assert.equal(2, exposition.value(scrape(port_of(it)), "loads_total"))
  end)

  it("listens on a unix socket, also where a killed process has left one, and removes it", function()
    local path = file "metrics.sock"
    for _, signal in ipairs { "sigkill", "sigterm" } do
      local it = cpgrun("unix", program.NOTHING_BUT_UP, "--metrics", "unix:" .. path)
      line(it, "^up$")
      local answer = ""
      local pipe = uv.new_pipe(false)
      pipe:connect(path, function(problem)
        assert(not problem, problem)
        pipe:write "GET /metrics HTTP/1.0\r\n\r\n"
        pipe:read_start(function(_, data) answer = data and answer .. data or answer .. "END" end)
      end)
      assert(wait.until_true(function() return answer:find "END$" end, 60))
      pipe:close()
      assert.matches("\r\n\r\n# HELP cpgrun_build_info ", answer)
      it:kill(signal)
      assert(it:wait(60))
    end
    assert.is_nil((uv.fs_stat(path)))
  end)

  it("listens on IPv6, and does not start when the address is in use", function()
    local first = cpgrun("first", program.NOTHING_BUT_UP, "--metrics", "[::1]:0")
    local address = complaint(first, "info: metrics are at http://(%[::1%]:%d+)/metrics$")
    local code, out, errors = program.run_script("second", program.NOTHING_BUT_UP, "--metrics", address)
    assert.same({ 1, "" }, { code, out })
    assert.matches("error: cannot listen on %[::1%]:%d+: address already in use$", errors)
  end)

  for words, problem in pairs {
    ["--metrics all:9100x"] = "'all:9100x' is not an address to listen on, such as 9190 (on the loopback)",
    ["--metrics 99999"] = "'99999' is not an address to listen on",
    ["--metrics ::1:9100"] = "'::1:9100' is not an address to listen on",
    ["--metrics 127.0.0.1:70000"] = "is not an address to listen on",
    ["--metrics 127.0.0.1:1 --also b.lua"] = "cannot be used with --also: start a cpgrun for each script, each",
    ["--metrics-file x"] = "--metrics-file takes a file name that ends in .prom",
    ["--metrics-file x.prom --lab 2"] = "cannot be used with --lab: start cpgrun with them on a real node, or on each",
  } do
    it("refuses " .. words, function()
      local code, _, errors = program.run("sh", "-c", "cpgrun " .. words .. " a.lua")
      assert.equal(1, code)
      assert.matches(problem, errors, 1, true)
    end)
  end

  it("removes the file when the script calls os.exit", function()
    local path = file "exits.prom"
    local it = cpgrun("exits", ([[
      function config_change() end
      function started()
        print(io.open(%q) ~= nil)
        after(0, function() os.exit(3) end)
      end]]):format(path), "--metrics-file", path)
    line(it, "^true$")
    program.ended(it, 3)
    assert.is_nil((uv.fs_stat(path)))
  end)

  it("does not follow a link with the name of the temporary file", function()
    local path, victim = file "linked.prom", file("victim", "untouched")
    assert(uv.fs_symlink(victim, path .. ".tmp"))
    local it = cpgrun("linked", program.NOTHING_BUT_UP, "--metrics-file", path)
    line(it, "^up$")
    wait.until_true(function() return uv.fs_stat(path) end, 60)
    assert.equal("file", uv.fs_lstat(path).type)
    assert.equal("untouched", assert(io.open(victim)):read "*a")
  end)

  it("logs a warning and continues when the file cannot be written", function()
    local it = cpgrun("unwritable", program.NOTHING_BUT_UP, "--metrics-file", "/nowhere/x.prom")
    line(it, "^up$")
    complaint(it, "warning: cannot write the metrics to /nowhere/x.prom: .*no such file or directory")
  end)
end)
