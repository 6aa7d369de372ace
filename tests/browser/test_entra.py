"""Signing in to the console with Entra: who is listed, who is not, and out again."""
import pytest

from entra import answers
from scene import Scene

SHOP, BOB = "shop@contoso.example", "bob@contoso.example"


@pytest.fixture(scope="module")
def scene(world):
    s = Scene(world, host="localhost", console=f", entra-registration: people, entra-operators: [{SHOP}]")
    s.provider()
    s.registration("people", "web")
    return s


def comes_from_entra(person, user):
    person.press("Sign in with Microsoft")
    answers(person, user=user)
    return person


def test_who_is_listed_comes_in_and_goes_out_again(stranger, scene):
    stranger.go("/messages?state=held").is_at("/sign-in?back=%2Fmessages%3Fstate%3Dheld")
    comes_from_entra(stranger, SHOP).is_at("/messages?state=held").sees(SHOP, "Sign out")
    assert not stranger.visit("/settings/keys").finds("button", "Make a key"), "an operator only looks"
    stranger.press("Sign out").is_at("/sign-in").go("/apps").is_at("/sign-in?back=%2Fapps")


def test_who_is_not_listed_is_told_what_to_do(stranger, scene):
    stranger.expects(403)
    comes_from_entra(stranger.go("/sign-in"), BOB).sees("You are not signed in", BOB, "What to do", "--entra-user", "console.entra-operators")
    stranger.picture("entra-refused-1400-light")
    assert stranger.window(360).too_wide() is None
    stranger.window(1400).follow("Back to the sign-in").is_at("/sign-in")
    anna = scene.session(scene.ADMINISTRATOR)
    assert anna.patch(f"operators/{scene.READER}", {"entra_user": BOB}).status == 200
    comes_from_entra(stranger, BOB).is_at("/").sees(scene.READER, "Sign out")
    stranger.expects(401)
    assert anna.patch(f"operators/{scene.READER}", {"is_disabled": True}).status == 200
    stranger.follow("Messages").is_at("/sign-in?back=%2Fmessages")


def test_who_says_no_is_not_signed_in(stranger, scene):
    stranger.expects(422)
    stranger.go("/sign-in").press("Sign in with Microsoft")
    answers(stranger, answer="Cancel")
    stranger.sees("You are not signed in", "declined", "AADSTS65004").follow("Back to the sign-in").is_at("/sign-in")
