-- The page that `cpgrun draw` writes, and the data in it.
local dkjson = require "dkjson"
local drawing = require "cpgrun.drawing"
local histories = require "spec.helpers.histories"
local text = require "cpgrun.bytes_as_text"
local uv = require "luv"

describe("a drawing", function()
  local folder, paths

  before_each(function()
    folder, paths = assert(uv.fs_mkdtemp "/tmp/drawing-XXXXXX"), {}
  end)

  after_each(function()
    for name in uv.fs_scandir_next, assert(uv.fs_scandir(folder)) do
      os.remove(folder .. "/" .. name)
    end
    assert(uv.fs_rmdir(folder))
  end)

  local function file(name, lines)
    local path = folder .. "/" .. name
    local handle = assert(io.open(path, "wb"))
    handle:write(lines)
    handle:close()
    paths[#paths + 1] = path
    return path
  end

  local function page(marks)
    local out = folder .. "/out.html"
    local members, events = drawing.write(paths, out, marks)
    assert(members, events)
    local handle = assert(io.open(out, "rb"))
    local all = handle:read "*a"
    handle:close()
    return all
  end

  -- The data, with texts instead of their numbers, and deliveries as "address text" by lane.
  local function data(marks)
    local found = dkjson.decode((page(marks):match '<script type="application/json" id="data">(.-)</script>'))
    local texts, messages, events = found.texts, found.messages, found.events
    found.sent, found.delivered = {}, {}
    for i, lane in ipairs(found.lanes) do
      lane.group, found.delivered[i] = texts[lane.group + 1], {}
    end
    for i, kind in ipairs(events.kind) do
      local m = events.ref[i] + 1
      if kind == 0 then
        found.sent[m] = i
      elseif kind == 1 then
        local sender, digest = texts[messages.sender[m] + 1], texts[messages.digest[m] + 1]
        local shown = ("%s %s %s"):format(sender, digest, texts[messages.text[m] + 1])
        table.insert(found.delivered[events.lane[i] + 1], shown)
        assert(not found.sent[m] or events.column[found.sent[m]] < events.column[i], "delivered before it was sent")
      end
    end
    return found
  end

  it("has the sends, deliveries and configurations of the histories", function()
    file("first", histories.FIRST)
    file("second", histories.SECOND)
    local it = data()
    assert.same({ { "1:10 1:0a ", "2:20 1:1a ", "1:10 1:0b ", "2:20 1:1b ", "1:10 1:0d ", "2:20 1:1d " },
      { "2:20 1:1a ", "1:10 1:0b ", "2:20 1:1b ", "2:20 1:1c ", "2:20 1:1d " } }, it.delivered)
    assert.same({ 1, 2 }, { it.lanes[1].node, it.lanes[2].node })
    assert.equal("g", it.lanes[1].group)
    assert.equal("try_again", it.texts[it.messages.refused[3] + 1])
    local rings = {}
    for _, band in ipairs(it.bands) do
      rings[#rings + 1] = ("%d %s %s"):format(band.lane, band.members, band.ring)
    end
    table.sort(rings)
    assert.same({ "0 1:10 1:12", "0 1:10 1:4", "0 1:10 1:8", "0 1:10,2:20 1:12", "0 1:10,2:20 1:4", "1 1:10,2:20 1:12",
      "1 1:10,2:20 1:4", "1 2:20 2:8" }, rings)
  end)

  it("keeps each process's order, and draws each send before its deliveries although clocks differ", function()
    file("first", "time 100.0\ngroup g\nconfig 1:10 1:10,2:20 - 1:10=join\ntime 101.0\nsend 1 1:0a hi\n")
    file("second", "time 90.0\ngroup g\nconfig 2:20 1:10,2:20 - 2:20=join\ntime 91.0\nmessage 1:10 1:0a hi\n")
    local it = data()
    assert.same({ {}, { "1:10 1:0a hi" } }, it.delivered)
    assert.equal(90, it.began)
    assert.same({ 0, 10000, 11000, 1000 }, it.events.time)
  end)

  it("tells equal messages apart by their order, and after a join by their time", function()
    local equal = "send %d 1:0a\nanswer %d true\nmessage 1:10 1:0a\n"
    local first = "group g\ntime 1.0\nconfig 1:10 1:10 - 1:10=join\n"
    for i = 1, 4 do
      first = first .. ("time %d.0\n"):format(10 * i) .. equal:format(i, i)
    end
    file("first", first)
    file("second", "group g\ntime 25.0\nconfig 2:20 1:10,2:20 - 2:20=join\ntime 30.2\nmessage 1:10 1:0a\ntime 50.0\n"
      .. "message 1:10 1:0a\n")
    local it, refs = data(), {}
    for i, kind in ipairs(it.events.kind) do
      if kind == 1 and it.events.lane[i] == 1 then
        refs[#refs + 1] = it.events.ref[i]
      end
    end
    assert.same({ 2, 3 }, refs)
  end)

  it("is safe with any bytes in messages, names and locks", function()
    local hostile = "</script><script>alert(1)</script><!-- \\000\128\255\226\130\172 \237\160\128"
    file("first", "group </script>\nconfig 1:10 1:10 - 1:10=join\nsend 1 1:0a " .. hostile
      .. "\nanswer 1 true\nmessage 1:10 1:0a " .. hostile .. "\nlocked </script>\\000\255 5\nerror " .. hostile .. "\n")
    local all = page()
    local _, ends = all:gsub("</script", "")
    assert.equal(2, ends) -- those of the page itself
    assert.not_matches("<!%-%- ", all)
    assert.not_matches("\255", all)
    local it = data()
    local shown = "</script><script>alert(1)</script><!-- \\000\\128\\255\226\130\172 \\237\\160\\128"
    assert.same({ { "1:10 1:0a " .. shown } }, it.delivered)
    assert.equal("</script>", it.lanes[1].group)
    assert.equal("</script>\\000\\255", it.bands[2].name)
    assert.equal(shown, it.texts[it.events.ref[#it.events.ref] + 1])
  end)

  it("shows who held which lock, who had no quorum, and until when", function()
    file("first", "start\ngroup app\nconfig 1:10 1:10 - 1:10=join\nquorum yes\ngroup app.replica\n"
      .. "config 1:10 1:10 - 1:10=join\nlocked duty 5\nunlocked duty\nlocked duty 6\ngroup app\nquorum no\nquorum yes\n"
      .. "holds 1.5 cron 1\nholds 2.5 cron 1\nreleased 3.5 cron\n")
    local it, seen = data(), {}
    for _, band in ipairs(it.bands) do
      seen[#seen + 1] = ("%s %s %s #%s %d"):format(it.lanes[band.lane + 1].group, band.kind, tostring(band.name),
        tostring(band.token), band.to - band.from)
    end
    assert.same({ "app config nil #nil 10", "app.replica config nil #nil 8", "app.replica lock duty #5 1",
      "app.replica lock duty #6 5", "app no quorum nil #nil 1", "app.replica no quorum nil #nil 1",
      "app lock cron #1 2" }, seen)
  end)

  it("shows when a replica is ready and why it no longer is", function()
    file("first", "group app.replica\nconfig 1:10 1:10 - 1:10=join\nready\nsuspended it is away\nobserving\n")
    local it = data()
    local texts = {}
    for i, ref in ipairs(it.events.ref) do
      texts[i] = it.texts[ref + 1]
    end
    assert.same({ "members 1:10, left -, joined 1:10=join", "the replica is ready",
      "the replica is suspended: it is away", "the observer has the replica's state" }, texts)
  end)

  it("draws successive processes of a node on one line", function()
    file("trace", "start\ngroup g\nconfig 1:10 1:10 - 1:10=join\nsend 1 1:0a\nmes")
    os.rename(folder .. "/trace", folder .. "/trace.1")
    file("trace", "\nstart\ngroup g\nconfig 1:11 1:11 - 1:11=join\n")
    paths = { folder .. "/trace" }
    local members, events, skipped = drawing.write(paths, folder .. "/out.html")
    assert.same({ 2, 3, 2 }, { members, events, skipped })
    local it = data()
    assert.equal(1, #it.lanes)
    assert.same({ "1:10", "1:11" }, { it.lanes[1].lives[1].address, it.lanes[1].lives[2].address })
  end)

  it("marks the events of violations", function()
    local path = file("first", histories.FIRST)
    local it = data {
      { text = "fifo: wrong", history = path, line = 6 }, { text = "lost", history = "other", line = 1 },
    }
    assert.same({ { text = "fifo: wrong", event = 3 }, { text = "lost" } }, it.marks)
  end)

  it("loads nothing from elsewhere", function()
    file("first", histories.FIRST)
    local all = page()
    assert.matches("default%-src 'none'", all)
    for _, word in ipairs { "http:", "https:", "src=", "import ", "fetch%(", "innerHTML" } do
      assert.not_matches(word, all)
    end
  end)

  it("is refused for a trace that cannot be read, and a page that cannot be written", function()
    local ok, message = drawing.write({ folder .. "/none" }, folder .. "/out.html")
    assert.is_nil(ok)
    assert.matches("^cannot read a trace: .*/none: No such file", message)
    ok, message = drawing.write({ folder }, folder .. "/out.html")
    assert.is_nil(ok)
    assert.matches("^cannot read a trace: .*: Is a directory", message)
    ok, message = drawing.write({}, folder .. "/none/out.html")
    assert.is_nil(ok)
    assert.matches("^cannot write the drawing: .*/none/out.html: No such file", message)
  end)

  it("keeps valid UTF-8 unchanged", function()
    assert.equal("aü€😀", text "aü€😀")
    assert.equal("\\192\\128\\240\\128\\128\\128\\244\\144\\128\\128\\195x",
      text "\192\128\240\128\128\128\244\144\128\128\195x")
  end)
end)
