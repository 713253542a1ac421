// px.js: the browser's sender of events. docs/PXJS.md says how to put it on a page, docs/adr/0027 why it
// forgets an event only when the collector has answered for it.
//
// One event is one JSON text under a key of its own, a UUIDv7: in localStorage, or in `memory` where that is
// denied or full. Keys tell order and age. Whoever reads the queue sends it; the eventId inside never changes,
// so that sending twice is harmless. Nothing here may throw into the page, set a cookie or need eval.
//
// This file is served without comment lines, indentation and blank lines (web/strip.awk): a comment is a line of
// its own, and no text runs over the end of a line.
(() => {
    "use strict";
    const stub = window.px;
    if (stub && stub.counts) {
        return;
    }
    const script = document.currentScript || {dataset: {}};
    const config = {
        // where the collector is: the folder that the script came from
        endpoint: new URL(".", script.src || document.baseURI).href.slice(0, -1),
        // the event of a page view; "none" for no such event
        event: "visit",
        // where the collector asks pages for a key
        siteKey: "",
        // auto, beacon or get
        transport: "auto",
        honour: "",
        filter: "",
        spa: null,
        before: null,
        report: null,
        off: null,
        // limits of the queue: events, bytes, hours
        queue: 200,
        queueBytes: 65536,
        maxAge: 24,
    };
    const envelope = ["eventId", "playerId", "bannerTag", "sessionId"];
    const defaults = {};
    const counts = {};
    // events that could not be put into localStorage
    const memory = {};
    // by key: made by this page and never sent, sent, or answered for; events of other pages are not in it
    const fresh = 1;
    const sent = 2;
    const done = 3;
    const state = {};
    // a request at most, and an event at most, in bytes: browsers let 64 KiB be on their way behind a page's back
    const requestBytes = 32768;
    const eventBytes = 16384;
    const foreignAge = 15e3;
    const stopped = "px.off";
    const paused = "px.next";
    let busy, timer, single, images;
    let sequence = 0;
    let failures = 0;
    let next = 0;

    const count = what => {
        counts[what] = (counts[what] || 0) + 1;
    };
    const safe = f => function () {
        try {
            return f.apply(this, arguments);
        } catch (e) {
            count("errors");
        }
    };
    const storage = f => {
        try {
            return f(localStorage);
        } catch (e) {
            // denied, full, or none
        }
    };
    const parse = text => {
        try {
            return JSON.parse(text);
        } catch (e) {
            return {};
        }
    };
    const bytes = text => new Blob([text]).size;
    const hook = f => (typeof f == "string" ? window[f] : f);
    const listen = (target, names, f) =>
        names.split(" ").forEach(name => target.addEventListener(name, safe(f), true));

    // What became of an event: counted, and told to the page.
    const tell = safe((fate, event, detail) => {
        count(fate);
        const report = hook(config.report);
        if (report) {
            report(fate, event, detail);
        }
    });

    // --- who must not be counted -------------------------------------------------------------------

    const signs = {
        gpc: () => navigator.globalPrivacyControl,
        dnt: () => (navigator.doNotTrack || window.doNotTrack) == 1,
        local: () => /^(localhost|127\..*|\[::1\]|.*\.localhost)$/.test(location.hostname),
        file: () => location.protocol == "file:",
        iframe: () => window.top != window,
        webdriver: () => navigator.webdriver,
    };
    const sign = list => Object.keys(signs).find(name => list.includes(name) && signs[name]());
    const privacy = () => sign(config.honour) || (storage(s => s.getItem(stopped)) && "off");

    // --- the queue ---------------------------------------------------------------------------------

    const prefix = () => "px:" + config.endpoint + ":";
    const age = key => Math.abs(Date.now() - parseInt(key.slice(0, 8) + key.slice(9, 13), 16));
    // All of it, oldest first, as [key, JSON].
    const queued = () => {
        const all = Object.assign({}, memory);
        const p = prefix();
        storage(s => Object.keys(s).forEach(name => {
            if (name.startsWith(p)) {
                all[name.slice(p.length)] = s.getItem(name);
            }
        }));
        return Object.keys(all).filter(key => key.length == 36 && state[key] != done).sort().map(key => [key, all[key]]);
    };
    const forget = (key, json, fate, detail) => {
        if (state[key] != done) {
            state[key] = done;
            delete memory[key];
            storage(s => s.removeItem(prefix() + key));
            tell(fate, parse(json), detail);
        }
    };
    // Too old, too many, too large together: the oldest go. Behind maxAge the collector's database may have
    // forgotten the id, and sending again would no longer be harmless.
    const trim = () => {
        const all = queued();
        const reason = privacy();
        let length = all.length;
        let size = all.reduce((n, entry) => n + bytes(entry[1]), 0);
        all.forEach(([key, json]) => {
            const why = reason || (age(key) > config.maxAge * 36e5 && "age") ||
                ((length > config.queue || size > config.queueBytes) && "full");
            if (why) {
                length--;
                size -= bytes(json);
                forget(key, json, "dropped", why);
            }
        });
    };
    // UUIDv7 (RFC 9562): milliseconds, a counter, chance.
    const hex = (n, width) => n.toString(16).padStart(width, "0");
    const newKey = () => {
        const time = hex(Date.now(), 12);
        const chance = crypto.getRandomValues(new Uint8Array(8));
        chance[0] = (chance[0] & 63) | 128;
        const tail = Array.from(chance, byte => hex(byte, 2)).join("");
        return [time.slice(0, 8), time.slice(8), "7" + hex(sequence++ & 4095, 3), tail.slice(0, 4), tail.slice(4)].join("-");
    };

    // --- sending -----------------------------------------------------------------------------------

    const later = ms => {
        clearTimeout(timer);
        timer = setTimeout(send, ms);
    };
    // When the collector, or a proxy before it, wants to be asked again: seconds or a date.
    const retryAfter = value =>
        Math.max(0, Math.min(36e5, 1e3 * value || Date.parse(value) - Date.now() || 0));
    const failed = asked => {
        const backoff = Math.min(6e4, 1e3 * 2 ** Math.min(failures++, 6)) * (1 + Math.random()) * 0.5;
        next = Date.now() + Math.max(asked, backoff);
        if (asked) {
            storage(s => s.setItem(paused, next));
        }
    };
    // Milliseconds to wait; more than an hour means that the clock was set back.
    const pause = () => {
        const left = time => (time - Date.now() <= 36e5 ? time - Date.now() : 0);
        return Math.max(0, left(next), left(+storage(s => s.getItem(paused))));
    };
    const url = (path, query) => config.endpoint + "/api/" + path + "?" +
        new URLSearchParams(Object.assign(query, config.siteKey && {k: config.siteKey}));
    const pixelUrl = event => {
        const {playerId, bannerTag, sessionId} = event;
        return url("pixel/" + encodeURIComponent(event.eventType), Object.assign({}, event.attributes,
            {playerId, bannerTag, eid: event.eventId}, sessionId && {sid: sessionId}));
    };
    // For pages whose policy allows images but not fetch. Their size tells: 1 x 1 is stored, 2 x 1 refused; anything
    // else is to be tried again.
    const image = ([key, json]) => new Promise(resolve => {
        const img = new Image();
        img.onload = () => {
            if (img.naturalHeight == 1) {
                forget(key, json, img.naturalWidth == 1 ? "accepted" : "rejected");
            }
            resolve(img.naturalHeight == 1);
        };
        img.onerror = () => resolve();
        setTimeout(img.onerror, 3e4);
        img.src = pixelUrl(parse(json));
    });
    const ask = (address, more) => fetch(address, Object.assign({
        keepalive: true,
        credentials: "omit",
        signal: AbortSignal.timeout ? AbortSignal.timeout(3e4) : null,
    }, more));
    const batch = entries => "[" + entries.map(entry => entry[1]).join() + "]";
    const eventsUrl = () => url("events", {});

    // One request and what its answer says. True: go on; a number: not before so many milliseconds.
    const exchange = async entries => {
        const plain = config.transport == "get";
        const answer = await (plain ? ask(pixelUrl(parse(entries[0][1]))) :
            ask(eventsUrl(), {method: "POST", body: batch(entries)}));
        const after = retryAfter(answer.headers.get("Retry-After"));
        if (answer.status >= 500 || [408, 425, 429].includes(answer.status)) {
            return after;
        }
        if (!answer.ok) {
            // One event may have spoilt the others: they are asked about one by one.
            if (entries.length > 1) {
                single = true;
            } else {
                forget(...entries[0], "rejected", answer.headers.get("X-Error-Code") || answer.status);
            }
            return true;
        }
        if (plain) {
            forget(...entries[0], "accepted");
            return true;
        }
        let open = false;
        const results = (await answer.json()).results;
        entries.forEach(([key, json], i) => {
            const {status, code} = results[i];
            if (/^(accepted|duplicate|rejected)$/.test(status)) {
                forget(key, json, status, code);
            } else {
                open = true;
            }
        });
        single = open && single;
        return open ? after : true;
    };
    // Not before the page is loaded: its load event waits for images that were begun before.
    const loaded = new Promise(resolve => {
        if (document.readyState == "complete") {
            resolve();
        } else {
            window.addEventListener("load", resolve);
        }
    });
    const byImages = async entries => {
        await loaded;
        return (await Promise.all(entries.slice(0, 8).map(image))).every(ok => ok) || 0;
    };
    const deliver = async entries => {
        if (images) {
            return byImages(entries);
        }
        if (config.transport == "beacon" && navigator.sendBeacon(eventsUrl(), batch(entries))) {
            entries.forEach(entry => forget(...entry, "beaconed"));
            return true;
        }
        try {
            return await exchange(entries);
        } catch (e) {
            // No answer. A turn later it is known whether it was the page's own policy that forbade to ask.
            await new Promise(resolve => setTimeout(resolve));
            return images ? true : 0;
        }
    };
    // What goes into the next request. Events of other pages come along when those had their chance.
    const choose = () => {
        const most = single || config.transport == "get" ? 1 : 100;
        let room = requestBytes;
        return queued().filter(([key]) => state[key] || age(key) > foreignAge)
            .filter(([, json], i) => i < most && (room -= bytes(json) + 1) > 0);
    };
    const rounds = async () => {
        for (;;) {
            trim();
            const entries = choose();
            if (!entries.length || pause()) {
                return;
            }
            entries.forEach(([key]) => {
                state[key] = sent;
            });
            const result = await deliver(entries);
            if (result === true) {
                failures = 0;
            } else {
                failed(result);
            }
        }
    };
    const send = async () => {
        if (busy || document.prerendering) {
            return;
        }
        busy = true;
        try {
            await rounds();
        } catch (e) {
            failed(0);
        }
        busy = false;
        if (queued().length) {
            later(pause() || 5e3);
        }
    };
    // The page may be gone in a moment: what was never sent goes out without waiting for an answer, and stays in
    // the queue for one. What only this page's memory holds goes out a last time. Images would not get away.
    const leave = last => {
        if (images) {
            return;
        }
        const entries = queued().filter(([key]) => state[key] == fresh || (last && memory[key]));
        entries.forEach(([key]) => {
            state[key] = sent;
        });
        if (config.transport == "get") {
            entries.forEach(entry => ask(pixelUrl(parse(entry[1]))).catch(() => 0));
        } else if (entries.length) {
            let room = requestBytes;
            navigator.sendBeacon(eventsUrl(), batch(entries.filter(([, json]) => (room -= bytes(json) + 1) > 0)));
        }
    };

    // --- making events -----------------------------------------------------------------------------

    // data-px-player-id="7" is playerId: "7"; "?name" stands for that parameter of the page's address.
    const fields = data => {
        const all = {};
        Object.keys(data).forEach(name => {
            if (/^px[A-Z]/.test(name)) {
                const value = data[name];
                all[name[2].toLowerCase() + name.slice(3)] =
                    value[0] == "?" ? new URLSearchParams(location.search).get(value.slice(1)) : value;
            }
        });
        return all;
    };
    const configure = options => {
        Object.keys(options).forEach(name => {
            (name in config ? config : defaults)[name] = options[name];
        });
        if ("off" in options) {
            storage(s => (options.off ? s.setItem(stopped, 1) : s.removeItem(stopped)));
        }
        trim();
    };
    const track = safe((type, given) => {
        const key = newKey();
        let event = {eventType: type, attributes: {}};
        const all = Object.assign({}, defaults, given, given && given.attributes);
        Object.keys(all).forEach(name => {
            const value = all[name];
            if (value != null && value !== "" && typeof value != "object") {
                // Half of a pair of surrogates, as slice() leaves it, is no text that JSON may hold.
                (envelope.includes(name) ? event : event.attributes)[name] = String(value).replace(/\p{Cs}/gu, "?");
            }
        });
        const why = privacy() || sign(config.filter);
        if (why) {
            return tell("filtered", event, why);
        }
        event.eventId = event.eventId || key;
        const before = hook(config.before);
        if (before) {
            // a hook that throws says no: it may be there to take something out
            let kept = null;
            safe(() => {
                kept = before(event);
            })();
            if (kept === false || kept === null) {
                return tell("vetoed", event);
            }
            event = kept || event;
        }
        const json = JSON.stringify(event);
        const fault = envelope.slice(0, 3).find(name => !event[name]) || (bytes(json) > eventBytes && "size");
        if (fault) {
            return tell("invalid", event, fault);
        }
        state[key] = fresh;
        memory[key] = json;
        storage(s => {
            s.setItem(prefix() + key, json);
            delete memory[key];
        });
        trim();
        Promise.resolve().then(send);
    });

    // --- when --------------------------------------------------------------------------------------

    // A prerendered page is nobody's yet, and a tab in the background is not seen.
    const once = (ready, f) => {
        let over = false;
        const look = () => {
            if (!over && ready()) {
                over = true;
                f();
            }
        };
        look();
        if (!over) {
            listen(document, "visibilitychange prerenderingchange", look);
        }
    };
    const live = () => !document.prerendering;
    const visible = () => live() && document.visibilityState == "visible";
    const view = () => once(visible, () => {
        if (config.event != "none") {
            track(config.event);
        }
    });
    const place = () => location.pathname + location.search + (config.spa == "hash" ? location.hash : "");
    let here = place();
    const moved = safe(() => {
        if (config.spa !== null && place() != here) {
            here = place();
            view();
        }
    });
    const declared = e => {
        const element = e.target.closest && e.target.closest("[data-px-event]");
        if (element && element != script && e.button != 2 && (element.tagName == "FORM") == (e.type == "submit")) {
            const given = fields(element.dataset);
            const type = given.event;
            delete given.event;
            track(type, given);
        }
    };

    const px = safe((what, given) => {
        if (typeof what == "string") {
            once(live, () => track(what, given));
        } else {
            configure(what);
        }
    });
    px.counts = counts;
    window.px = px;
    safe(() => {
        const calls = Array.from((stub && stub.q) || []);
        const settings = call => typeof call[0] == "object";
        configure(fields(script.dataset));
        calls.filter(settings).forEach(call => px(...call));
        view();
        calls.filter(call => !settings(call)).forEach(call => px(...call));
        if (config.spa !== null) {
            ["pushState", "replaceState"].forEach(name => {
                const native = history[name];
                history[name] = function () {
                    const result = native.apply(this, arguments);
                    moved();
                    return result;
                };
            });
        }
        listen(window, "popstate hashchange", moved);
        listen(document, "click auxclick submit", declared);
        listen(document, "securitypolicyviolation", e => {
            if (e.effectiveDirective == "connect-src" && e.disposition == "enforce" &&
                config.endpoint.startsWith(new URL(e.blockedURI).origin)) {
                images = true;
            }
        });
        listen(window, "pagehide", () => leave(true));
        listen(document, "visibilitychange prerenderingchange", () => (visible() ? send() : leave()));
        listen(window, "pageshow", e => {
            if (e.persisted) {
                view();
                send();
            }
        });
        listen(window, "online", () => {
            next = failures = 0;
            send();
        });
        send();
    })();
})();
