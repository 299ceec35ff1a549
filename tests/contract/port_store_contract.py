"""What every store of a host's ports keeps to (`portmon.port_record.PortStore`)."""

from __future__ import annotations

import pytest

from chassis.errors import EtagMismatch, PortExists, PortNotFound
from portmon.port_record import PortRecord, PortStore

COM1 = PortRecord("COM1:", "serial", {"baud": 9600})


class PortStoreContract:
    """Mixed into a class with the fixtures `store` and `again`, which opens the same store anew."""

    def test_a_new_store_is_empty(self, store: PortStore) -> None:
        assert (store.ports(), dict(store.values()), store.history()) == ([], {}, [])

    def test_ports_are_added_replaced_and_deleted_and_stay_so(self, store: PortStore, again) -> None:
        store.add(COM1)
        store.add(PortRecord("IP_7", "raw", {"host": "10.0.0.7"}))
        changed = PortRecord("COM1:", "serial", {"baud": 19200})
        store.replace(changed, COM1.revision)
        store.delete("ip_7")
        assert store.ports() == [changed]
        assert again().ports() == [changed]

    def test_names_compare_whatever_their_case(self, store: PortStore) -> None:
        store.add(COM1)
        for name in ("COM1:", "com01:"):
            with pytest.raises(PortExists) as exists:
                store.add(PortRecord(name, "raw", {}))
            assert exists.value.win32 == 183
        assert store.ports() == [COM1]

    def test_several_are_added_together_or_none_of_them(self, store: PortStore, again) -> None:
        others = [PortRecord(f"IP_{n}", "raw", {"host": f"10.0.0.{n}"}) for n in range(3)]
        store.add_all(others)
        assert again().ports() == others
        assert [change.name for change in store.history()] == ["IP_2", "IP_1", "IP_0"]
        with pytest.raises(PortExists):
            store.add_all([COM1, PortRecord("ip_1", "raw", {})])
        assert store.ports() == others
        assert again().ports() == others

    def test_what_is_not_there_is_neither_changed_nor_deleted(self, store: PortStore) -> None:
        with pytest.raises(PortNotFound):
            store.replace(COM1, None)
        with pytest.raises(PortNotFound):
            store.delete("COM1:")
        assert store.history() == []

    def test_a_change_on_old_settings_is_refused(self, store: PortStore) -> None:
        store.add(COM1)
        other = PortRecord("COM1:", "serial", {"baud": 300})
        with pytest.raises(EtagMismatch):
            store.replace(other, "somebody was first")
        assert store.ports() == [COM1]
        store.replace(other, None)
        assert store.ports() == [other]

    def test_the_hosts_values_are_kept_and_forgotten(self, store: PortStore, again) -> None:
        store.set_value("TransmissionRetryTimeout", 90)
        store.set_value("IdlePolling", False)
        assert dict(again().values()) == {"TransmissionRetryTimeout": 90, "IdlePolling": False}
        store.set_value("TransmissionRetryTimeout", None)
        assert dict(again().values()) == {"IdlePolling": False}

    def test_changes_are_remembered_newest_first(self, store: PortStore, again) -> None:
        changed = PortRecord("COM1:", "serial", {"baud": 19200})
        store.add(COM1)
        store.replace(changed, None)
        store.replace(changed, None)  # nothing changed
        store.set_value("IdlePolling", False)
        store.delete("COM1:")
        for one in (store, again()):
            assert [(change.before, change.after) for change in one.history("com1:")] == [
                (changed, None), (COM1, changed), (None, COM1),
            ]  # fmt: skip
            assert [change.name for change in one.history()] == ["COM1:", "", "COM1:", "COM1:"]
            assert len(one.history(most=2)) == 2
        times = [change.at for change in store.history()]
        assert times == sorted(times, reverse=True)

    def test_a_store_of_many_ports_keeps_them_all(self, store: PortStore, again) -> None:
        for number in range(60):
            store.add(PortRecord(f"IP_{number}", "raw", {"host": f"10.0.0.{number}", "note": "ü" * 50}))
        assert [one.name for one in again().ports()] == [one.name for one in store.ports()]
        assert len(store.ports()) == 60
