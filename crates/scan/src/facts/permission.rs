//! Permissions of the platform: who gets them, and what for people see them guard
//! (<https://developer.android.com/reference/android/Manifest.permission>).

use testudo_package::manifest::{Protection, ProtectionBase};

/// Who gets a permission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Level {
    /// Every app that asks.
    Normal,
    /// Apps that a person allows it when asked.
    Dangerous,
    /// Apps that a person allows it in the settings (app-op permissions).
    Special,
    /// Apps that are signed with the same key, or are part of the system.
    Signature,
    /// It is defined elsewhere, or nowhere.
    Unknown,
}

impl Level {
    pub(super) fn of(protection: Protection) -> Level {
        match protection.base() {
            ProtectionBase::Normal => Level::Normal,
            ProtectionBase::Dangerous => Level::Dangerous,
            ProtectionBase::Signature | ProtectionBase::Internal => Level::Signature,
            ProtectionBase::Unknown => Level::Unknown,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Level::Normal => "normal",
            Level::Dangerous => "dangerous",
            Level::Special => "special",
            Level::Signature => "signature",
            Level::Unknown => "unknown",
        }
    }
}

/// The level of a platform's permission, and its group if a person is asked.
pub(super) fn platform(name: &str) -> (Level, Option<&'static str>) {
    let Some(short) = name.strip_prefix("android.permission.") else {
        return match name {
            "com.android.voicemail.permission.ADD_VOICEMAIL" => (Level::Dangerous, Some("phone")),
            "com.google.android.c2dm.permission.SEND" | "com.google.android.gms.permission.INTERNAL_BROADCAST" => {
                (Level::Signature, None)
            }
            _ => (Level::Unknown, None),
        };
    };
    if let Some((_, group)) = DANGEROUS.iter().find(|(name, _)| *name == short) {
        (Level::Dangerous, Some(group))
    } else if SPECIAL.contains(&short) {
        (Level::Special, None)
    } else if SIGNATURE.contains(&short)
        || short.starts_with("BIND_")
        || short.starts_with("MODIFY_") && short != "MODIFY_AUDIO_SETTINGS"
    {
        (Level::Signature, None)
    } else if NORMAL.contains(&short) || short.starts_with("FOREGROUND_SERVICE") {
        (Level::Normal, None)
    } else {
        (Level::Unknown, None)
    }
}

const DANGEROUS: &[(&str, &str)] = &[
    ("ACCEPT_HANDOVER", "phone"),
    ("ACCESS_BACKGROUND_LOCATION", "location"),
    ("ACCESS_COARSE_LOCATION", "location"),
    ("ACCESS_FINE_LOCATION", "location"),
    ("ACCESS_MEDIA_LOCATION", "storage"),
    ("ACTIVITY_RECOGNITION", "activity recognition"),
    ("ANSWER_PHONE_CALLS", "phone"),
    ("BLUETOOTH_ADVERTISE", "nearby devices"),
    ("BLUETOOTH_CONNECT", "nearby devices"),
    ("BLUETOOTH_SCAN", "nearby devices"),
    ("BODY_SENSORS", "sensors"),
    ("BODY_SENSORS_BACKGROUND", "sensors"),
    ("CALL_PHONE", "phone"),
    ("CAMERA", "camera"),
    ("GET_ACCOUNTS", "contacts"),
    ("NEARBY_WIFI_DEVICES", "nearby devices"),
    ("POST_NOTIFICATIONS", "notifications"),
    ("PROCESS_OUTGOING_CALLS", "call log"),
    ("RANGING", "nearby devices"),
    ("READ_CALENDAR", "calendar"),
    ("READ_CALL_LOG", "call log"),
    ("READ_CELL_BROADCASTS", "SMS"),
    ("READ_CONTACTS", "contacts"),
    ("READ_EXTERNAL_STORAGE", "storage"),
    ("READ_MEDIA_AUDIO", "storage"),
    ("READ_MEDIA_IMAGES", "storage"),
    ("READ_MEDIA_VIDEO", "storage"),
    ("READ_MEDIA_VISUAL_USER_SELECTED", "storage"),
    ("READ_PHONE_NUMBERS", "phone"),
    ("READ_PHONE_STATE", "phone"),
    ("READ_SMS", "SMS"),
    ("RECEIVE_MMS", "SMS"),
    ("RECEIVE_SMS", "SMS"),
    ("RECEIVE_WAP_PUSH", "SMS"),
    ("RECORD_AUDIO", "microphone"),
    ("SEND_SMS", "SMS"),
    ("USE_SIP", "phone"),
    ("UWB_RANGING", "nearby devices"),
    ("WRITE_CALENDAR", "calendar"),
    ("WRITE_CALL_LOG", "call log"),
    ("WRITE_CONTACTS", "contacts"),
    ("WRITE_EXTERNAL_STORAGE", "storage"),
];

const SPECIAL: &[&str] = &[
    "ACCESS_NOTIFICATION_POLICY",
    "INSTANT_APP_FOREGROUND_SERVICE",
    "LOADER_USAGE_STATS",
    "MANAGE_EXTERNAL_STORAGE",
    "MANAGE_MEDIA",
    "MANAGE_ONGOING_CALLS",
    "PACKAGE_USAGE_STATS",
    "REQUEST_INSTALL_PACKAGES",
    "SCHEDULE_EXACT_ALARM",
    "SMS_FINANCIAL_TRANSACTIONS",
    "SYSTEM_ALERT_WINDOW",
    "TURN_SCREEN_ON",
    "USE_FULL_SCREEN_INTENT",
    "USE_ICC_AUTH_WITH_DEVICE_IDENTIFIER",
    "WRITE_SETTINGS",
];

const SIGNATURE: &[&str] = &[
    "ACCESS_CHECKIN_PROPERTIES",
    "ACCOUNT_MANAGER",
    "BATTERY_STATS",
    "BROADCAST_PACKAGE_REMOVED",
    "BROADCAST_SMS",
    "BROADCAST_WAP_PUSH",
    "CALL_PRIVILEGED",
    "CAPTURE_AUDIO_OUTPUT",
    "CHANGE_COMPONENT_ENABLED_STATE",
    "CHANGE_CONFIGURATION",
    "CONTROL_LOCATION_UPDATES",
    "DELETE_CACHE_FILES",
    "DELETE_PACKAGES",
    "DEVICE_POWER",
    "DIAGNOSTIC",
    "DUMP",
    "FACTORY_TEST",
    "GET_TASKS",
    "GRANT_RUNTIME_PERMISSIONS",
    "INJECT_EVENTS",
    "INSTALL_LOCATION_PROVIDER",
    "INSTALL_PACKAGES",
    "INTERACT_ACROSS_USERS",
    "INTERACT_ACROSS_USERS_FULL",
    "INTERNAL_SYSTEM_WINDOW",
    "LOCATION_HARDWARE",
    "MANAGE_DEVICE_ADMINS",
    "MANAGE_DOCUMENTS",
    "MANAGE_USERS",
    "MASTER_CLEAR",
    "MEDIA_CONTENT_CONTROL",
    "MOUNT_FORMAT_FILESYSTEMS",
    "MOUNT_UNMOUNT_FILESYSTEMS",
    "PACKAGE_VERIFICATION_AGENT",
    "READ_FRAME_BUFFER",
    "READ_LOGS",
    "READ_PRIVILEGED_PHONE_STATE",
    "REAL_GET_TASKS",
    "REBOOT",
    "SEND_RESPOND_VIA_MESSAGE",
    "SET_ALWAYS_FINISH",
    "SET_DEBUG_APP",
    "SET_PROCESS_LIMIT",
    "SET_TIME",
    "SET_TIME_ZONE",
    "SIGNAL_PERSISTENT_PROCESSES",
    "START_ANY_ACTIVITY",
    "STATUS_BAR",
    "UPDATE_APP_OPS_STATS",
    "UPDATE_DEVICE_STATS",
    "WRITE_APN_SETTINGS",
    "WRITE_GSERVICES",
    "WRITE_SECURE_SETTINGS",
];

const NORMAL: &[&str] = &[
    "ACCESS_LOCATION_EXTRA_COMMANDS",
    "ACCESS_NETWORK_STATE",
    "ACCESS_WIFI_STATE",
    "AUTHENTICATE_ACCOUNTS",
    "BLUETOOTH",
    "BLUETOOTH_ADMIN",
    "BROADCAST_STICKY",
    "CHANGE_NETWORK_STATE",
    "CHANGE_WIFI_MULTICAST_STATE",
    "CHANGE_WIFI_STATE",
    "DETECT_SCREEN_CAPTURE",
    "DETECT_SCREEN_RECORDING",
    "DISABLE_KEYGUARD",
    "ENFORCE_UPDATE_OWNERSHIP",
    "EXPAND_STATUS_BAR",
    "GET_PACKAGE_SIZE",
    "HIDE_OVERLAY_WINDOWS",
    "HIGH_SAMPLING_RATE_SENSORS",
    "INTERNET",
    "KILL_BACKGROUND_PROCESSES",
    "MANAGE_ACCOUNTS",
    "MANAGE_OWN_CALLS",
    "MODIFY_AUDIO_SETTINGS",
    "NFC",
    "NFC_PREFERRED_PAYMENT_INFO",
    "NFC_TRANSACTION_EVENT",
    "PERSISTENT_ACTIVITY",
    "QUERY_ALL_PACKAGES",
    "READ_BASIC_PHONE_STATE",
    "READ_SYNC_SETTINGS",
    "READ_SYNC_STATS",
    "RECEIVE_BOOT_COMPLETED",
    "REORDER_TASKS",
    "REQUEST_COMPANION_RUN_IN_BACKGROUND",
    "REQUEST_DELETE_PACKAGES",
    "REQUEST_IGNORE_BATTERY_OPTIMIZATIONS",
    "REQUEST_PASSWORD_COMPLEXITY",
    "RESTART_PACKAGES",
    "RUN_USER_INITIATED_JOBS",
    "SET_WALLPAPER",
    "SET_WALLPAPER_HINTS",
    "SUBSCRIBED_FEEDS_READ",
    "TRANSMIT_IR",
    "UPDATE_PACKAGES_WITHOUT_USER_ACTION",
    "USE_BIOMETRIC",
    "USE_CREDENTIALS",
    "USE_EXACT_ALARM",
    "USE_FINGERPRINT",
    "VIBRATE",
    "WAKE_LOCK",
    "WRITE_SYNC_SETTINGS",
];
