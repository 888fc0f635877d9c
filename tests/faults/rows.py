"""The 36 rows: each cause, the tests that inject it, and the line of the product whose removal turns them red.

`python -m tests.faults.prove` takes each line out of a copy of the tree and runs the row's tests there.
"""

from __future__ import annotations

from dataclasses import dataclass

_HERE = "tests/faults/"
CAMERA, FILES, BROKER = (f"{_HERE}test_{name}.py::test_" for name in ("camera", "files", "broker"))
DISK, PROCESS = (f"{_HERE}test_{name}.py::test_" for name in ("disk", "process"))
LIVE, OUTBOX = "tests/capture/test_live.py::test_", "tests/publish/test_outbox.py::test_"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the product, and what stands in its place while its row is proved."""

    path: str
    text: str
    without: str


@dataclass(frozen=True, slots=True)
class Row:
    """One fault; `tests` are node ids, parametrized ones with all their cases.

    also: where the fault is met in more than one place, the lines of the others.
    """

    number: int
    cause: str
    tests: tuple[str, ...]
    line: Line
    also: tuple[Line, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.line, *self.also


ROWS = (
    Row(
        1,
        "camera absent at start",
        (
            f"{CAMERA}an_absent_camera_is_reported_and_tried_again_until_it_is_there",
            f"{LIVE}an_absent_camera_yields_gaps_and_is_tried_again",
        ),
        Line("capture/live.py", "set_state(self, CameraState.OFFLINE, str(error))", "pass"),
    ),
    Row(
        2,
        "camera unplugged while running",
        (f"{CAMERA}a_camera_that_is_unplugged_is_noticed_and_found_again_when_it_is_back",),
        Line(
            "capture/live.py",
            "            self._stop.wait(self._sampling.pause_s(time.monotonic()) or pause_s)",
            "            return",
        ),
    ),
    Row(
        3,
        "plugged in again under another index",
        (f"{CAMERA}a_camera_plugged_in_again_as_another_device_is_found",),
        Line("capture/spec.py", 'sorted(Path("/dev").glob("video*"))', '[Path("/dev") / "video0"]'),
    ),
    Row(
        4,
        "read() blocks for ever",
        (
            f"{CAMERA}a_stream_that_stalls_is_noticed_and_read_again_within_5_s_of_its_return",
            f"{CAMERA}a_call_into_the_camera_that_never_returns_ends_the_program_with_70",
            f"{CAMERA}a_camera_that_does_not_answer_is_given_up_in_time",
            f"{FILES}a_video_that_stalls_is_noticed_and_walked_on_without_the_loss_of_a_frame",
            f"{FILES}a_video_that_never_goes_on_ends_the_program_with_70",
            f"{FILES}a_watch_that_waits_for_a_stalled_video_ends_within_5_s",
            f"{FILES}a_pipe_that_nobody_writes_to_holds_up_neither_start_nor_end",
        ),
        Line("capture/live.py", "            self._check_stuck(now)\n", ""),
        also=(Line("capture/read_ahead.py", "self._queue.get(timeout=_TICK_S)", "self._queue.get()"),),
    ),
    Row(
        5,
        "read() gives the old picture",
        (f"{CAMERA}the_old_picture_again_and_again_is_no_progress",),
        Line("capture/freeze.py", "np.array_equal(sample, self._sample)", "False"),
    ),
    Row(
        6,
        "frozen picture",
        (
            f"{CAMERA}a_frozen_image_is_reported_within_10_s_and_the_camera_opened_again",
            f"{CAMERA}a_camera_that_begins_again_with_the_old_picture_is_well_again",
            f"{CAMERA}an_exact_repeat_is_frozen_and_a_noisy_or_a_compressed_still_is_not",
        ),
        Line("capture/live.py", "self._freeze.unchanged_s(now) >= self._frozen_s", "False"),
    ),
    Row(
        7,
        "black or covered lens",
        (
            f"{CAMERA}a_blind_lens_is_reported_within_10_s_and_so_is_its_recovery[covered-dark]",
            f"{CAMERA}a_blind_lens_makes_verdicts_unsure_and_a_noisy_night_does_not[covered-dark]",
        ),
        Line("monitor/lens.py", "if brightest < _DARK:", "if False:"),
    ),
    Row(
        8,
        "over-exposed, out of focus",
        (
            f"{CAMERA}a_blind_lens_is_reported_within_10_s_and_so_is_its_recovery[overexposed-bright]",
            f"{CAMERA}a_blind_lens_is_reported_within_10_s_and_so_is_its_recovery[blurred-blurred]",
            f"{CAMERA}a_blind_lens_makes_verdicts_unsure_and_a_noisy_night_does_not[overexposed-bright]",
            f"{CAMERA}a_blind_lens_makes_verdicts_unsure_and_a_noisy_night_does_not[blurred-blurred]",
        ),
        Line("monitor/lens.py", "if darkest > _BRIGHT:", "if False:"),
    ),
    Row(
        9,
        "None, wrong shape, torn JPEG",
        (
            f"{CAMERA}torn_pictures_are_passed_over_and_the_walk_goes_on",
            f"{CAMERA}none_and_pictures_of_a_wrong_shape_or_kind_are_dropped_and_counted",
            f"{LIVE}damaged_images_are_dropped_and_counted",
        ),
        Line("capture/opencv.py", "if ok and _is_image(image):", "if ok:"),
    ),
    Row(
        10,
        "another size in mid-stream",
        (
            f"{CAMERA}a_stream_that_changes_its_size_goes_on",
            "tests/detect/test_centerface.py::test_a_picture_of_any_size_is_looked_at",
            f"{LIVE}an_image_of_another_size_in_the_stream_is_accepted",
        ),
        Line(
            "detect/centerface.py",
            "Letterbox.fit((width_px, height_px), *self._model.size_px)",
            "Letterbox(*self._model.size_px, 0.5)",
        ),
    ),
    Row(
        11,
        "1 frame a second",
        (
            f"{CAMERA}one_frame_a_second_is_walked_with_the_same_latency",
            f"{LIVE}a_slow_camera_is_not_lost_within_three_of_its_intervals",
        ),
        Line("capture/live.py", "max(self._patience_s, _INTERVALS * interval_s)", "self._patience_s"),
    ),
    Row(
        12,
        "burst of ten times the rate",
        (
            f"{CAMERA}a_burst_of_ten_times_the_rate_is_dropped_and_kept_by_nobody",
            f"{LIVE}the_newest_frame_wins_and_what_is_lost_is_counted",
            f"{LIVE}a_camera_far_too_fast_is_bounded_and_its_drops_are_counted",
        ),
        Line(
            "capture/latest_frame.py",
            "            self._frame = frame\n",
            "            self._frame = self._frame or frame\n",
        ),
    ),
    Row(
        13,
        "broker down at start",
        (
            f"{BROKER}what_is_raised_before_there_is_a_broker_arrives_when_it_comes",
            "tests/app/test_service.py::test_alerts_raised_while_the_broker_is_away_arrive_later",
        ),
        Line("publish/publisher.py", "if self._outbox.waits(alert.key)", "if False"),
    ),
    Row(
        14,
        "broker restarts",
        (
            f"{BROKER}a_broker_that_restarts_hears_state_and_subscriptions_again",
            "tests/publish/test_mqtt.py::test_a_broker_that_restarts_is_found_again_and_greeted_again",
        ),
        Line("publish/session.py", "self._outgoing.subscribe()", "pass"),
    ),
    Row(
        15,
        "half-open link",
        (f"{BROKER}a_half_open_link_is_found_within_one_and_a_half_keepalives",),
        Line("publish/client.py", "_KEEPALIVE_SHARE = 0.7", "_KEEPALIVE_SHARE = 1.0"),
    ),
    Row(
        16,
        "host name does not resolve",
        (f"{BROKER}a_name_that_does_not_resolve_holds_up_nothing_and_what_was_raised_is_kept",),
        Line("publish/session.py", "except (OSError, ValueError) as error:", "except ValueError as error:"),
    ),
    Row(
        17,
        "wrong password",
        (
            f"{BROKER}a_wrong_password_is_tried_slowly_named_as_such_and_stands_in_no_log",
            "tests/publish/test_mqtt.py::test_a_wrong_password_is_a_state_of_its_own_and_stands_in_no_log",
        ),
        Line("publish/backoff.py", "(LinkState.REFUSED, LinkState.TLS,", "(LinkState.TLS,"),
    ),
    Row(
        18,
        "TLS expired, wrong CA, wrong host",
        (
            f"{BROKER}a_certificate_that_is_wrong_is_refused_and_the_reason_is_named",
            f"{BROKER}a_broker_with_a_good_certificate_is_trusted",
            f"{BROKER}a_broker_that_wants_a_client_certificate_gets_it_and_refuses_who_has_none",
        ),
        Line("publish/broker.py", "ssl.create_default_context(", "ssl._create_unverified_context("),
    ),
    Row(
        19,
        "client id taken over",
        (f"{BROKER}two_clients_with_one_id_do_not_fight_and_it_is_reported",),
        Line("publish/backoff.py", "0 if settled or not ending.granted else self._contested + ending.contested", "0"),
    ),
    Row(
        20,
        "broker away for a day",
        (
            f"{BROKER}a_day_without_a_broker_is_bounded_drops_updates_first_and_reports_how_many",
            f"{OUTBOX}a_full_outbox_drops_acknowledged_ones_first_then_updates_then_the_oldest",
        ),
        Line("publish/alert_index.py", "self._updates or self._others or", "self._others or self._updates or"),
    ),
    Row(
        21,
        "malformed or hostile message",
        (
            f"{BROKER}hostile_messages_end_nothing_and_move_nothing",
            f"{_HERE}test_fuzz.py::test_a_few_thousand_wrong_inputs_crash_and_hang_nothing",
            "tests/publish/test_subscriber.py::test_no_payload_breaks_it",
        ),
        Line("publish/subscriber.py", "except (ValueError, ", "except ("),
    ),
    Row(
        22,
        "clock jumps ten years",
        (
            f"{PROCESS}no_alert_is_missed_when_the_clock_jumps_ten_years_either_way",
            f"{PROCESS}the_watchdog_is_beaten_whatever_the_wall_clock_shows",
            "tests/publish/test_message.py::test_a_step_of_the_wall_clock_neither_ages_nor_renews_an_alert",
        ),
        Line("publish/message.py", "clock.monotonic() > self.expires_at", "clock.wall() > self.expires_at"),
    ),
    Row(
        23,
        "start in 1970",
        (f"{PROCESS}a_start_in_1970_detects_queues_and_reports_that_the_clock_is_not_set",),
        Line("clock.py", "return self.is_set() and", "return True or"),
    ),
    Row(
        24,
        "disk full",
        (
            f"{DISK}alerts_go_out_though_the_disk_is_full_and_it_is_reported",
            f"{DISK}what_a_full_disk_did_not_take_is_written_when_there_is_room",
            f"{OUTBOX}a_full_disk_is_reported_and_alerts_are_still_sent",
        ),
        Line("publish/buffered_store.py", "            self._fall_back(error)\n", "            raise\n"),
    ),
    Row(
        25,
        "read-only file system",
        (
            f"{DISK}alerts_go_out_though_the_file_system_is_read_only_and_it_is_reported",
            f"{DISK}what_a_read_only_file_system_did_not_take_is_written_when_it_is_writable",
            f"{DISK}a_start_on_a_read_only_file_system_works_from_memory",
        ),
        Line("publish/buffered_store.py", "            self._fall_back(error)\n", "            raise\n"),
    ),
    Row(
        26,
        "torn write at every byte",
        (
            f"{OUTBOX}a_write_torn_anywhere_loses_nothing_that_was_committed_before",
            f"{OUTBOX}a_file_cut_off_at_any_place_still_opens",
            f"{OUTBOX}whatever_write_fails_for_want_of_space_what_was_committed_is_there",
        ),
        Line("publish/store.py", '"journal_mode=WAL"', '"journal_mode=OFF"'),
    ),
    Row(
        27,
        "corrupt outbox",
        (
            f"{OUTBOX}a_damaged_file_is_set_aside_and_a_new_one_opened",
            f"{DISK}random_bytes_in_a_used_outbox_are_survived_and_what_is_sound_or_new_is_kept",
        ),
        Line("publish/store.py", "            self._start_anew(error)\n            return job()", "            raise"),
    ),
    Row(
        28,
        "corrupt, truncated or wrong model",
        (
            f"{PROCESS}a_model_that_is_not_the_one_described_is_refused_with_65",
            "tests/test_tflite.py::test_one_changed_byte_is_refused",
            "tests/test_tflite.py::test_a_shape_that_differs_is_refused_with_both_named",
        ),
        Line("tflite.py", "if actual != sha256:", "if False:"),
    ),
    Row(
        29,
        "memory limit",
        (f"{PROCESS}out_of_memory_ends_the_program_or_not_but_never_hangs_it_and_loses_nothing",),
        Line("publish/buffered_store.py", "        self._unwritten.added[row.key] = row\n", ""),
    ),
    Row(
        30,
        "out of file descriptors",
        (f"{PROCESS}out_of_descriptors_the_walk_goes_on_or_ends_and_nothing_is_lost",),
        Line("show/sockets.py", "except OSError:  # nobody is waiting", "except BlockingIOError:  # nobody is waiting"),
    ),
    Row(
        31,
        "CPU at a quarter",
        (f"{PROCESS}at_a_quarter_of_the_processor_frames_are_skipped_and_alerts_go_out_as_fast",),
        Line(
            "capture/latest_frame.py",
            "self.dropped += self._frame is not None",
            "self._filled.wait_for(lambda: self._frame is None, 5)",
        ),
    ),
    Row(
        32,
        "SIGTERM",
        (f"{PROCESS}sigterm_ends_it_within_5_s_and_leaves_offline",),
        Line("app/service.py", "lambda *_: stop.set()", "lambda *_: None"),
    ),
    Row(
        33,
        "SIGKILL at a random instant",
        (f"{PROCESS}no_alert_is_lost_and_none_is_delivered_twice_over_fifty_kills",),
        Line("publish/alert_index.py", "self._put_first(held, self._first - number, at)", "pass"),
    ),
    Row(
        34,
        "typo, unknown key, wrong type",
        (
            f"{PROCESS}a_wrong_setting_ends_it_with_78_names_key_and_file_and_is_not_restarted",
            "tests/settings/test_schema.py::test_a_wrong_setting_is_named_by_its_key",
        ),
        Line("errors.py", "exit_code = 78  # EX_CONFIG", "exit_code = 1  # EX_CONFIG"),
    ),
    Row(
        35,
        "settings reloaded with an error",
        (f"{PROCESS}settings_read_again_with_an_error_leave_the_old_ones_in_force",),
        Line("app/reload.py", "except EdgeError as error:", "except KeyError as error:"),
    ),
    Row(
        36,
        "display vanishes, viewer stalls",
        (
            f"{PROCESS}a_display_that_dies_and_viewers_that_stall_or_flood_cost_the_walk_nothing",
            "tests/show/test_show.py::test_a_display_that_crashes_does_not_end_the_service",
            "tests/show/test_show.py::test_a_viewer_that_never_reads_delays_nobody",
        ),
        Line("show/child_process.py", "        if code == QUIT:\n", "        if True:\n"),
    ),
)
