package uicc.toolkit;

/** Numbers of TS 102 241, TS 102 223 and, where named so, 3GPP TS 31.130. */
public interface ToolkitConstants {
    short EVENT_PROFILE_DOWNLOAD = 1;

    /** 3GPP TS 31.130: an SMS-PP download that the card's own OTA does not take. */
    short EVENT_UNFORMATTED_SMS_PP_ENV = 4;

    short EVENT_MENU_SELECTION = 7;

    byte DEV_ID_DISPLAY = (byte) 0x02;
    byte DEV_ID_TERMINAL = (byte) 0x82;
    byte DEV_ID_NETWORK = (byte) 0x83;

    byte PRO_CMD_SEND_USSD = (byte) 0x12;
    byte PRO_CMD_SEND_SHORT_MESSAGE = (byte) 0x13;
    byte PRO_CMD_DISPLAY_TEXT = (byte) 0x21;
    byte PRO_CMD_GET_INPUT = (byte) 0x23;
    byte PRO_CMD_SELECT_ITEM = (byte) 0x24;

    byte TAG_ALPHA_IDENTIFIER = (byte) 0x05;
    byte TAG_USSD_STRING = (byte) 0x0A;
    byte TAG_SMS_TPDU = (byte) 0x0B;
    byte TAG_TEXT_STRING = (byte) 0x0D;
    byte TAG_ITEM = (byte) 0x0F;
    byte TAG_ITEM_IDENTIFIER = (byte) 0x10;

    /** The comprehension required flag of a tag. */
    byte TAG_SET_CR = (byte) 0x80;

    byte DCS_8_BIT_DATA = (byte) 0x04;
    byte DCS_UCS2 = (byte) 0x08;

    byte TLV_NOT_FOUND = (byte) 0x00;
    byte TLV_FOUND_CR_SET = (byte) 0x01;
    byte TLV_FOUND_CR_NOT_SET = (byte) 0x02;
}
