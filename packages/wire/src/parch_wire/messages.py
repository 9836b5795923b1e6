"""Every chat message by its type word: words in, body types out. Also the one place to import messages from."""

from .body import *
from .browser import *
from .host import *
from .objects import *

FEATURES = ("save_ack", "push", "cursor", "host_status")

BROWSER_ACTIONS: dict[str, type[Body]] = {
    "get_dash_data": Empty,
    "update_username": UpdateUsername,
    "create_space": CreateSpace,
    "delete_space": DeleteSpace,
    "create_channel": CreateChannel,
    "delete_channel": DeleteChannel,
    "invite_user": InviteUser,
    "accept_invite": AnswerInvite,
    "decline_invite": AnswerInvite,
    "leave_space": LeaveSpace,
    "remove_space_user": RemoveSpaceUser,
    "join_all_spaces": JoinAllSpaces,
    "join_channel": JoinChannel,
    "leave_channel": Empty,
    "chat": Chat,
    "get_messages": GetMessages,
}
"""What an authenticated browser may say."""

HOST_REQUESTS: dict[str, type[Request]] = {
    "get_dash_data_request": GetDashDataRequest,
    "update_username_request": UpdateUsernameRequest,
    "create_space_request": CreateSpaceRequest,
    "delete_space_request": DeleteSpaceRequest,
    "create_channel_request": CreateChannelRequest,
    "delete_channel_request": DeleteChannelRequest,
    "invite_user_request": InviteUserRequest,
    "accept_invite_request": InviteAnswer,
    "decline_invite_request": InviteAnswer,
    "leave_space_request": LeaveSpaceRequest,
    "remove_space_user_request": RemoveSpaceUserRequest,
    "save_chat_message_request": SaveChatMessageRequest,
    "get_messages_request": GetMessagesRequest,
    "channel_allow_voice_request": ChannelAllowVoiceRequest,
}
"""What a relay may ask a host."""

HOST_REPLIES: dict[str, type[Body]] = {
    "get_dash_data_response": GetDashDataResponse,
    "update_username_response": UpdateUsernameRequest,
    "create_space_response": CreateSpaceResponse,
    "delete_space_response": DeleteSpaceResponse,
    "create_channel_response": CreateChannelResponse,
    "delete_channel_response": DeleteChannelResponse,
    "invite_user_success": InviteUserResponse,
    "accept_invite_success": AcceptInviteResponse,
    "decline_invite_success": InviteAnswer,
    "leave_space_success": LeaveSpaceRequest,
    "remove_space_user_success": RemoveSpaceUserRequest,
    "get_messages_response": GetMessagesResponse,
    "save_chat_message_response": SaveChatMessageResponse,
    "relay_health_check_ack": HealthCheck,
    "error": Refusal,
}
"""What only an authenticated host may say."""

RELAY_EVENTS: dict[str, type[Body]] = {
    "auth_challenge": Challenge,
    "host_auth_challenge": Challenge,
    "auth_pubkey_success": AuthPubkeySuccess,
    "dash_data_payload": DashDataPayload,
    "update_username_success": UpdateUsernameSuccess,
    "create_space_success": CreateSpaceSuccess,
    "delete_space_success": SpaceGone,
    "delete_space_update": SpaceGone,
    "create_channel_success": ChannelCreated,
    "create_channel_update": ChannelCreated,
    "delete_channel_success": DeleteChannelSuccess,
    "delete_channel_update": DeleteChannelUpdate,
    "invite_user_success": InviteUserSuccess,
    "invite_user_update": InviteUserUpdate,
    "accept_invite_success": AcceptInviteSuccess,
    "accept_invite_update": AcceptInviteUpdate,
    "decline_invite_success": DeclineInviteSuccess,
    "leave_space_success": SpaceGone,
    "leave_space_update": LeaveSpaceUpdate,
    "get_messages_success": GetMessagesSuccess,
    "chat_saved": ChatSaved,
    "host_status": HostStatus,
    "error": Refusal,
    "join_error": Refusal,
    "authentication-error": Refusal,
    "author_error": Refusal,
}
"""What a browser hears whose data is an object."""
